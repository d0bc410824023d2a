#Requires -Version 7.4
<#
.SYNOPSIS
    Builds, tests and packs the module, and installs it for the current user on request.
.DESCRIPTION
    Needs the .NET SDK. Pester and Microsoft.PowerShell.PlatyPS are used where they are installed; what was left out
    without them is said. Without PowerShell, 'dotnet build' and 'dotnet test LlmOps.sln' do the same but the packing.
.EXAMPLE
    ./build.ps1

    Builds, tests, makes the help and packs the module into ./out/LlmOps.
.EXAMPLE
    ./build.ps1 -SkipTest -Install

    Also copies the packed module to the user's module path: 'Import-Module LlmOps' works in every new session.
#>
[CmdletBinding(SupportsShouldProcess)]
param(
    [ValidateSet('Debug', 'Release')]
    [string] $Configuration = 'Release',

    # Leaves the tests out.
    [switch] $SkipTest,

    # Copies the packed module to the first user-owned folder of $env:PSModulePath.
    [switch] $Install,

    # Where the module folder is packed.
    [string] $OutputPath = (Join-Path $PSScriptRoot 'out')
)

$ErrorActionPreference = 'Stop'
Set-StrictMode -Version Latest

function Invoke-DotNet {
    & dotnet @args
    if ($LASTEXITCODE -ne 0) { throw "dotnet $($args -join ' ') failed with exit code $LASTEXITCODE." }
}

Push-Location $PSScriptRoot
try {
    Invoke-DotNet build LlmOps.sln --configuration $Configuration

    if (Get-Module Microsoft.PowerShell.PlatyPS -ListAvailable) {
        # In a process of its own: platyPS brings assemblies that would stay loaded.
        & (Get-Process -Id $PID).Path -NoProfile -NonInteractive -File src/Help/Build-Help.ps1
        if ($LASTEXITCODE -ne 0) { throw "Build-Help.ps1 failed with exit code $LASTEXITCODE." }
    }
    else {
        Write-Warning 'Microsoft.PowerShell.PlatyPS is not installed: the help was not made anew, the committed one is packed.'
    }

    if (-not $SkipTest) {
        Invoke-DotNet test LlmOps.sln --configuration $Configuration --no-build
    }

    $module = Join-Path $OutputPath LlmOps
    if (Test-Path $module) { Remove-Item $module -Recurse }
    $null = New-Item $module -ItemType Directory
    Copy-Item LlmOps.psd1, LICENSE, README.md, CHANGELOG.md, en-US -Destination $module -Recurse
    $null = New-Item (Join-Path $module bin) -ItemType Directory
    Copy-Item bin/*.dll, bin/*.ps1xml -Destination (Join-Path $module bin)
    $manifest = Test-ModuleManifest (Join-Path $module LlmOps.psd1)
    Write-Host "Packed $($manifest.Name) $($manifest.Version) into $module"

    if ($Install) {
        $userHome = [Environment]::GetFolderPath('UserProfile')
        $target = $env:PSModulePath -split [IO.Path]::PathSeparator |
            Where-Object { $_ -and $_.StartsWith($userHome) } | Select-Object -First 1
        if (-not $target) { throw 'No folder of $env:PSModulePath belongs to the user; copy the packed folder by hand.' }
        $target = Join-Path $target "LlmOps/$($manifest.Version)"
        if ($PSCmdlet.ShouldProcess($target, 'Install module')) {
            if (Test-Path $target) { Remove-Item $target -Recurse }
            $null = New-Item $target -ItemType Directory -Force
            Copy-Item (Join-Path $module '*') -Destination $target -Recurse
            Write-Host "Installed into $target"
        }
    }
}
finally {
    Pop-Location
}
