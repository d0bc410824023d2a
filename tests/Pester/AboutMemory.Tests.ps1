# What about_LlmOps_Memory shows is what the module computes now: blocks of code with their output, the table of evidence, and
# the worked example, whose other side is what the specification's published formulas give.

BeforeDiscovery {
    $text = [IO.File]::ReadAllText((Join-Path $PSScriptRoot '../../en-US/about_LlmOps_Memory.help.txt')) -replace '\r', ''

    function Get-Row([string] $Form) { [regex]::Matches($text, "(?m)^ {8}$Form$") }

    # Code that a block of output follows; the leading spaces are the topic's.
    $form = '(?m)^\n(?<code>(?: {8}.*\n)+)\n {4}It shows:\n\n(?<output>(?: {8}.*\n)+)'
    $shown = [regex]::Matches($text, $form) | ForEach-Object {
        @{
            Code = $_.Groups['code'].Value -replace '(?m)^ {8}'
            Output = ($_.Groups['output'].Value -replace '(?m)^ {8}').TrimEnd()
        }
    }
    $form = '(?<engine>[A-Za-z-]+) +(?<term>[A-Z]\w+) +(?<evidence>Fitted|Measured|Assumed) +(?<below>\d+) +(?<above>\d+)'
    $evidence = Get-Row $form | ForEach-Object {
        @{
            Engine = $_.Groups['engine'].Value; Term = $_.Groups['term'].Value; Evidence = $_.Groups['evidence'].Value
            Below = $_.Groups['below'].Value; Above = $_.Groups['above'].Value
        }
    }
    $figures = Get-Row '(?<term>[A-Z]\w+) +(?<load>[\d.]+) +(?<full>[\d.]+) +(?<specification>[\d.]+)' | ForEach-Object {
        @{
            Term = $_.Groups['term'].Value; OfLoad = $_.Groups['load'].Value; OfFull = $_.Groups['full'].Value
            OfSpecification = $_.Groups['specification'].Value
        }
    }
}

BeforeAll {
    . (Join-Path $PSScriptRoot 'common.ps1')
    Import-Module (Join-Path $PSScriptRoot '../../src/Help/HelpTools.psm1')
    $text = [IO.File]::ReadAllText((Join-Path $PSScriptRoot '../../en-US/about_LlmOps_Memory.help.txt')) -replace '\r', ''

    function Format-Figure([double] $Value) { $Value.ToString('0.00', [cultureinfo]::InvariantCulture) }
}

Describe 'about_LlmOps_Memory' {
    It 'is found, in 80 columns of ASCII' {
        Get-Help about_LlmOps_Memory | Out-String -Width 200 | Should -Match 'TOPIC\s+about_LlmOps_Memory\s+SHORT DESCRIPTION'
        ($text -split '\n').Where({ $_.Length -gt 80 -or $_ -match '[^ -~]|\s$' }) | Should -BeNullOrEmpty
    }

    It 'is named by about_LlmOps, and names topics that exist' {
        Get-Help about_LlmOps | Out-String -Width 200 | Should -Match 'about_LlmOps_Memory'
        $topics = ($text -replace '(?s).*\nSEE ALSO\n').Trim() -split '\s+'
        $topics.Count | Should -BeGreaterThan 3
        foreach ($topic in $topics) { Get-Help $topic -ErrorAction Stop | Should -Not -BeNullOrEmpty }
    }

    It 'has code that runs without errors' {
        $block = [regex]::Match($text, '(?m)^ {8}\(Get-LlmMemoryEstimate .*$').Value
        Invoke-HelpExample $block (Join-Path $TestDrive 'about') | Should -Match 'ModelWeights'
    }

    It 'has both examples with their output' -TestCases @{ Count = @($shown).Count } { $Count | Should -Be 2 }

    It 'shows what comes out of <Code>' -TestCases $shown {
        Invoke-HelpExample $Code (Join-Path $TestDrive 'about') -Width 72 | Should -BeExactly $Output
    }

    It 'names the engines and the terms that have a spread' -TestCases @{ Rows = $evidence } {
        $all = foreach ($engine in 'vLLM', 'SGLang', 'TensorRT-LLM', 'Transformers', 'LlamaCpp', 'DeepSpeed') {
            foreach ($term in (Get-LlmMemoryEstimate Llama-3.1-8B -Engine $engine).Terms) {
                $isAllowance = $term.Name -in 'FragmentationOverhead', 'SafetyMargin'
                if ($term.Evidence -ne 'Exact' -and $term.Place -eq 'Gpu' -and -not $isAllowance) { "$engine $($term.Name)" }
            }
        }
        @($Rows | ForEach-Object { "$($_.Engine) $($_.Term)" }) | Should -Be $all
    }

    It 'says what <Term> of <Engine> is worth' -TestCases $evidence {
        $found = (Get-LlmMemoryEstimate Llama-3.1-8B -Engine $Engine).Terms | Where-Object Name -EQ $Term
        $found.Evidence | Should -Be $Evidence
        [math]::Round(100 * (1 - $found.LowGiB / $found.GiB)) | Should -Be $Below
        [math]::Round(100 * ($found.HighGiB / $found.GiB - 1)) | Should -Be $Above
    }
}

Describe 'The worked example of about_LlmOps_Memory' {
    BeforeAll {
        # The commands as the topic has them.
        $commands = [regex]::Matches($text, '(?m)^ {8}\$(?:set|load|full) = (?:.*`\n)+.*\n').Value
        $commands.Count | Should -Be 3
        . ([scriptblock]::Create(($commands -replace '(?m)^ {8}') -join "`n"))

        # The specification's formulas: MLPs of two matrices, activations on every rank, states in inference too, and graphs
        # by the weights of all ranks.
        $hidden, $layers, $heads, $mlp, $vocabulary, $ranks = 4096, 32, 32, 11008, 32000, 4
        $batch, $length = 32, 2048
        $layer = 4L * $hidden * $hidden + 2L * $hidden * $mlp + 2 * $hidden
        $parameters = 2L * $vocabulary * $hidden + $layers * $layer + $hidden
        $weights = 2 * $parameters / $ranks / 1GB
        $tokens = [double]$batch * $length
        $specification = [ordered]@{
            ModelWeights = $weights
            Activations = 2 * $tokens * (3 * $hidden + $heads * $length + $mlp) * $layers * 0.2 / 1GB
            Gradients = 1 * $weights
            OptimizerStates = 2 * $weights
            KvCache = 256.0 * 4096 * ($hidden * 2 * 2 * $layers / $ranks) / 1GB
            CudaGraphs = $weights * $ranks * 0.15 * (5 + 0.03 * (1 + 2 + 4 + 8 + 16))
            CompilationOverhead = 0
        }
        $sum = ($specification.Values | Measure-Object -Sum).Sum
        $specification.FragmentationOverhead = $sum * 0.05
        $specification.SafetyMargin = [math]::Max(0.5, $sum * 0.05)
        $specification.Total = ($specification.Values | Measure-Object -Sum).Sum
    }

    It 'has a row for each term and the total' -TestCases @{ Rows = $figures } {
        $Rows.Term | Should -Be @($specification.Keys)
    }

    It 'has the figures of <Term> that the module computes now' -TestCases $figures {
        Format-Figure $load."${Term}GiB" | Should -BeExactly $OfLoad
        Format-Figure $full."${Term}GiB" | Should -BeExactly $OfFull
    }

    It 'has the figure of <Term> that the specification gives' -TestCases $figures {
        Format-Figure $specification[$Term] | Should -BeExactly $OfSpecification
    }

    It 'counts what it says in words' {
        $text | Should -Match ('\b{0:N0}\b' -f $parameters)
        $text | Should -Match ('\b{0:N0}\b' -f (Get-LlmModel Llama-2-7B).ParameterCount)
        $text | Should -Match ('\b{0:N0} bytes a token' -f ($full.KvCacheGiB * 1GB / 256 / 4096))
        $alone = Get-LlmMemoryEstimate Llama-2-7B -TensorParallelSize 4 -CudaGraphCaptureSize 1, 2, 4, 8, 16 -Parameter $set
        $text | Should -Match ('With TP 4 alone it would be\s+{0} GiB' -f (Format-Figure $alone.CompilationOverheadGiB))
    }
}
