BeforeAll {
    . $PSScriptRoot/common.ps1
    $script:starts = New-ServerLog -Model meta-llama/Llama-3.1-8B-Instruct -Length 8192 | Import-LlmServerLog
    $script:unknown = New-ServerLog -Model /models/nobody-knows-it | Import-LlmServerLog
}

Describe 'Compare-LlmMemoryEstimate' {
    It 'lays each figure beside its estimate' {
        $terms = $starts | Compare-LlmMemoryEstimate -Gpu H100
        $terms.Term | Should -Be 'ModelWeights', 'Activations', 'CompilationOverhead', 'CudaGraphs', 'KvCachePool', 'KvCacheTokens', 'MaxConcurrency'
        $terms[0].Measured | Should -Be 15.02
        $terms[0].Predicted | Should -Be (Get-LlmMemoryEstimate Llama-3.1-8B).ModelWeightsGiB
        $terms[0].ErrorPercent | Should -Be (100 * ($terms[0].Predicted / 15.02 - 1))
        $terms[5].Measured | Should -Be 361264
        $terms[6].Measured | Should -BeNullOrEmpty -Because 'the log does not say'
        $terms[6].ErrorPercent | Should -BeNullOrEmpty
    }

    It 'gives what it promises and nothing else' {
        $types = $starts | Compare-LlmMemoryEstimate | ForEach-Object { $_.GetType().FullName } | Sort-Object -Unique
        $types | Should -BeExactly 'LlmOps.Core.Calibration.TermComparison'
        Get-PromisedType Compare-LlmMemoryEstimate | Should -BeExactly $types
    }

    It 'has one error for a start that cannot be estimated, and the others' {
        $terms = @($unknown; $starts) | Compare-LlmMemoryEstimate -ErrorVariable failed -ErrorAction SilentlyContinue
        $terms.ModelName | Sort-Object -Unique | Should -Be 'Llama-3.1-8B'
        $failed.Count | Should -Be 1
        $failed[0].FullyQualifiedErrorId | Should -BeLike '*NotFound,LlmOps.Commands.CompareLlmMemoryEstimateCommand'
    }

    It 'takes the model from the user where the log has another name for it' {
        ($unknown | Compare-LlmMemoryEstimate -Model Llama-3.1-70B).ModelName | Sort-Object -Unique | Should -Be 'Llama-3.1-70B'
    }

    It 'says once that a calibration is not there' {
        $result = @($starts; $starts) | Compare-LlmMemoryEstimate -Calibration nowhere -ErrorVariable failed -ErrorAction SilentlyContinue
        $result | Should -BeNullOrEmpty
        $failed.Count | Should -Be 1
        $failed[0].FullyQualifiedErrorId | Should -Be 'CalibrationNotFound,LlmOps.Commands.CompareLlmMemoryEstimateCommand'
    }

    It 'refuses what is no measurement' {
        { 'text' | Compare-LlmMemoryEstimate -ErrorAction Stop } | Should -Throw
    }
}
