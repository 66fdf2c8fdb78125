# The set-up that start.ps1 and test.ps1 share on Windows: Python, virtual environment, locked packages.
# To be dot-sourced with $root set to the folder of the clone. (Sound and Qt come inside the packages here.)

function Stop-WithMessage([string[]] $lines) {
    $lines | ForEach-Object { [Console]::Error.WriteLine($_) }
    exit 1
}

function Write-Step([string] $line) { [Console]::Error.WriteLine($line) }

# Runs a program quietly; shows its last lines only when it fails. Returns whether it went well.
# No redirection: Windows PowerShell 5.1 turns redirected error output into exceptions under "Stop".
function Invoke-Quietly([string] $program, [string[]] $arguments) {
    $ErrorActionPreference = 'Continue'
    $output = & $program @arguments 2>&1
    $well = $LASTEXITCODE -eq 0
    if (-not $well) { $output | Select-Object -Last 20 | ForEach-Object { [Console]::Error.WriteLine("$_") } }
    return $well
}

$fits = 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))'

function Test-Python([string[]] $command) {
    if (-not (Get-Command $command[0] -ErrorAction SilentlyContinue)) { return $false }
    $ErrorActionPreference = 'Continue'
    $rest = @($command | Select-Object -Skip 1)
    & $command[0] @rest -c $fits 2>&1 | Out-Null
    return $LASTEXITCODE -eq 0
}

function Find-Python {
    foreach ($candidate in @('py', '-3.13'), @('py', '-3.12'), @('py', '-3.11'), @('python', ''), @('python3', '')) {
        $command = @($candidate | Where-Object { $_ })
        if (Test-Python $command) { return , $command }
    }
    Stop-WithMessage 'Desktop Voice needs Python 3.11, 3.12 or 3.13, and none was found. Install one and start again:',
        '    winget install Python.Python.3.13'
}

function Install-Packages([string[]] $arguments) {
    $options = '-m', 'pip', 'install', '--disable-pip-version-check', '--no-input', '--quiet',
        '--no-build-isolation', '--use-pep517'
    if (-not (Invoke-Quietly $python ($options + $arguments))) {
        Stop-WithMessage '! The packages could not be installed: see the lines above. Check the network, then run this again.'
    }
}

# Makes the environment in .venv and installs what is locked in it, only when something changed.
# $suffix is that of the lock file: '' or '-dev'. Leaves the path of its Python in $python.
function Initialize-Environment([string] $suffix) {
    $venv = Join-Path $root '.venv'
    $script:python = Join-Path $venv 'Scripts\python.exe'
    if (-not (Test-Python @($python))) {
        $found = Find-Python
        Write-Step '- making the virtual environment'
        $rest = @($found | Select-Object -Skip 1)
        if (-not (Invoke-Quietly $found[0] ($rest + @('-m', 'venv', '--clear', $venv)))) {
            Stop-WithMessage "! The virtual environment could not be made in ${venv}: see the lines above."
        }
    }
    $version = & $python -c 'import sys; print(sys.version_info[0], sys.version_info[1], sep=str())'
    $build = Join-Path $root 'requirements\build.txt'
    $lock = Join-Path $root "requirements\py$version$suffix.txt"
    $stamp = Join-Path $venv "installed$suffix"
    $state = (@($build, $lock, (Join-Path $root 'pyproject.toml')) | ForEach-Object { (Get-FileHash $_).Hash }) + $root -join ' '
    if ((Test-Path $stamp) -and ((Get-Content $stamp -Raw).Trim() -eq $state)) { return }
    Write-Step '- installing the locked packages (the first time this downloads about 250 MB)'
    Install-Packages '--require-hashes', '-r', $build
    Install-Packages '--require-hashes', '-r', $lock
    Install-Packages '--no-deps', '--editable', $root
    Set-Content -Path $stamp -Value $state
}
