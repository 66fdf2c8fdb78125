# Sets up everything that the tests need in this folder (only what is missing or has changed) and runs them.
# Arguments go to pytest.
$ErrorActionPreference = 'Stop'
$root = $PSScriptRoot
. (Join-Path $root 'packaging\setup.ps1')
Initialize-Environment '-dev'
Set-Location $root
& $python -m pytest @args
exit $LASTEXITCODE
