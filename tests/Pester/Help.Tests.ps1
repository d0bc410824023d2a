# The help of every cmdlet is complete, its examples run and show what the topics say, and the MAML file is up to date.
#
#   pwsh -NoProfile -NonInteractive -c '$c=New-PesterConfiguration; $c.Run.Path="./tests/Pester"; $c.Run.Exit=$true;
#       Invoke-Pester -Configuration $c'

BeforeDiscovery {
    $root = Join-Path $PSScriptRoot '../..'
    Import-Module (Join-Path $root 'LlmOps.psd1') -Force
    Import-Module (Join-Path $root 'src/Help/HelpTools.psm1') -Force

    $common = [Management.Automation.PSCmdlet]::CommonParameters + [Management.Automation.PSCmdlet]::OptionalCommonParameters
    $commands = Get-Command -Module LlmOps | Sort-Object Name
    $cmdlets = $commands | ForEach-Object { @{ Name = $_.Name } }
    $parameters = $commands | ForEach-Object {
        foreach ($parameter in $_.Parameters.Values | Where-Object Name -NotIn $common) {
            @{ Name = $_.Name; Parameter = $parameter.Name; Aliases = @($parameter.Aliases) }
        }
    }
    $examples = Get-HelpTopicFile | Get-HelpExample | ForEach-Object {
        @{ Name = $_.Command; Title = $_.Title; Code = $_.Code; Output = $_.Output }
    }

    $platyPS = Get-Module Microsoft.PowerShell.PlatyPS -ListAvailable | Where-Object Version -GE 1.0.0
    if (-not $platyPS) {
        Write-Warning 'Microsoft.PowerShell.PlatyPS is not installed: whether the MAML file is up to date is NOT tested.'
    }
}

BeforeAll {
    $root = Join-Path $PSScriptRoot '../..'
    Import-Module (Join-Path $root 'LlmOps.psd1') -Force
    Import-Module (Join-Path $root 'src/Help/HelpTools.psm1') -Force

    function Get-Text($paragraphs) { (@($paragraphs) | ForEach-Object Text) -join "`n" }
}

Describe 'Help of <Name>' -ForEach $cmdlets {
    BeforeAll { $help = Get-Help $Name -Full }

    It 'has a synopsis of its own, in one line' {
        $help.Synopsis.Trim() | Should -Not -BeNullOrEmpty
        $help.Synopsis.Trim() | Should -Not -BeLike "$Name *"
        $help.Synopsis.Trim() | Should -Not -Match '\n'
    }

    It 'has a description' { (Get-Text $help.Description).Length | Should -BeGreaterThan 200 }

    It 'describes inputs, outputs, notes and related links' {
        Get-Text $help.inputTypes.inputType.description | Should -Not -BeNullOrEmpty
        Get-Text $help.returnValues.returnValue.description | Should -Not -BeNullOrEmpty
        Get-Text $help.alertSet.alert | Should -Not -BeNullOrEmpty
        @($help.relatedLinks.navigationLink).linkText | Should -Contain 'about_LlmOps'
    }

    It 'names the output type that the cmdlet declares' {
        $declared = @((Get-Command $Name).OutputType.Name)
        @($help.returnValues.returnValue.type.name).Trim() | Should -Be $declared
    }

    It 'links to topics that exist' {
        foreach ($link in @($help.relatedLinks.navigationLink).linkText) {
            Get-Help $link -ErrorAction Stop | Should -Not -BeNullOrEmpty
        }
    }

    It 'has three examples or more, those of the topic' {
        $titles = @($help.examples.example.title)
        $titles.Count | Should -BeGreaterOrEqual 3
        $source = Get-HelpTopicFile | Where-Object BaseName -EQ $Name | Get-HelpExample
        $titles.Trim('-', ' ') | Should -Be @($source.Title)
        @($help.examples.example.code) | Should -Be @($source.Code)
    }

    It 'has no placeholder and no parameter that the cmdlet lacks' {
        $text = [IO.File]::ReadAllText((Join-Path $root "src/Help/$Name.md"))
        $text | Should -Not -Match '\{\{'
        [regex]::Matches($text, '(?m)^### -(\w+)$').ForEach({ $_.Groups[1].Value }) |
            Should -BeIn (Get-Command $Name).Parameters.Keys
    }

    It 'is no wider than 80 columns, code and output included' {
        $shown = (Get-Help $Name -Examples | Out-String -Width 200) -split '\r?\n'
        $shown.TrimEnd().Where({ $_.Length -gt 80 }) | Should -BeNullOrEmpty
    }
}

Describe 'Parameter -<Parameter> of <Name>' -ForEach $parameters {
    It 'is described, with its aliases' {
        $help = Get-Help $Name -Parameter $Parameter
        (Get-Text $help.description).Length | Should -BeGreaterThan 20
        if ($Aliases) { $help.aliases -split ', ' | Sort-Object | Should -Be ($Aliases | Sort-Object) }
    }
}

Describe '<Name>, <Title>' -ForEach $examples {
    It 'runs without errors and shows what the topic says' {
        # Where only numbers changed on purpose: ./src/Help/Build-Help.ps1 -UpdateOutput
        Invoke-HelpExample $Code (Join-Path $TestDrive 'example') | Should -BeExactly $Output
    }
}

Describe 'about_LlmOps' {
    It 'is found, in 80 columns' {
        $text = Get-Help about_LlmOps | Out-String -Width 200
        $text | Should -Match 'SHORT DESCRIPTION'
        ($text -split '\r?\n').TrimEnd().Where({ $_.Length -gt 80 }) | Should -BeNullOrEmpty
    }

    It 'names every cmdlet' {
        $text = Get-Help about_LlmOps | Out-String -Width 200
        foreach ($command in Get-Command -Module LlmOps) { $text | Should -Match ([regex]::Escape($command.Name)) }
    }

    It 'has code that runs without errors' {
        $text = [IO.File]::ReadAllText((Join-Path $root 'en-US/about_LlmOps.help.txt'))
        $blocks = [regex]::Matches($text, '(?m)(?<=\n\n) {8}\(?[A-Z][a-z]+-[A-Z].*\n(?: {8}.*\n)*')
        $blocks.Count | Should -BeGreaterOrEqual 5
        foreach ($block in $blocks) { Invoke-HelpExample $block.Value (Join-Path $TestDrive 'about') | Should -Not -BeNullOrEmpty }
    }
}

Describe 'Help in <Culture>' -ForEach @{ Culture = '' }, @{ Culture = 'en-US' }, @{ Culture = 'de-DE' } {
    It 'is found' {
        $before = [cultureinfo]::CurrentUICulture
        try {
            [cultureinfo]::CurrentUICulture = $Culture
            (Get-Help Get-Gpu).Synopsis | Should -BeLike 'Gets data sheets*'
            Get-Help about_LlmOps | Out-String | Should -Match 'SHORT DESCRIPTION'
        }
        finally { [cultureinfo]::CurrentUICulture = $before }
    }
}

Describe 'en-US/LlmOps.dll-Help.xml' {
    It 'is what platyPS makes of the topics' -Skip:(-not $platyPS) {
        # In a process of its own: PlatyPS cannot be loaded twice, nor beside a module with another YamlDotNet.
        $build = Join-Path $root 'src/Help/Build-Help.ps1'
        $output = & (Get-Process -Id $PID).Path -NoProfile -NonInteractive -File $build -OutputFolder $TestDrive 2>&1
        $LASTEXITCODE | Should -Be 0 -Because "$output"
        $built = [IO.File]::ReadAllText((Join-Path $TestDrive 'LlmOps.dll-Help.xml'))
        $kept = [IO.File]::ReadAllText((Join-Path $root 'en-US/LlmOps.dll-Help.xml')) -replace '\r', ''
        # A plain comparison: Should would print both files.
        ($kept -ceq $built) | Should -BeTrue -Because 'it must be rebuilt with src/Help/Build-Help.ps1 when a topic changes'
    }
}
