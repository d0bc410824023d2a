BeforeDiscovery {
    Import-Module (Join-Path $PSScriptRoot '../../src/Help/HelpTools.psm1')
    $examples = @(Get-ReadmeExample | ForEach-Object { @{ Code = $_.Code; Output = $_.Output; Width = $_.Width } })
}

BeforeAll {
    . (Join-Path $PSScriptRoot 'common.ps1')
    Import-Module (Join-Path $PSScriptRoot '../../src/Help/HelpTools.psm1')
}

Describe 'README' {
    It 'has at least ten examples' {
        @(Get-ReadmeExample).Count | Should -BeGreaterOrEqual 10
    }

    It 'shows what comes out of <Code>' -TestCases $examples {
        Invoke-HelpExample $Code (Join-Path $TestDrive 'example') -Width $Width | Should -Be $Output
    }
}
