# Sets Desktop Voice up in this folder (only what is missing or has changed) and opens it.
# Arguments go to the desktop-voice command.
$ErrorActionPreference = 'Stop'
$root = $PSScriptRoot
. (Join-Path $root 'packaging\setup.ps1')
Initialize-Environment ''
& (Join-Path $root '.venv\Scripts\desktop-voice.exe') @args
exit $LASTEXITCODE
