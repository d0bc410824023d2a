BeforeAll {
    . $PSScriptRoot/common.ps1
    $root = Join-Path (Get-PSDrive TestDrive).Root logs
    [void] (New-Item -ItemType Directory $root)
    foreach ($name in 'plain.log', 'with space.log', 'with [brackets].log', '模型-é-Ω.log') {
        New-ServerLog -Model "org/$name" | Set-Content -LiteralPath (Join-Path $root $name)
    }
}

Describe 'Import-LlmServerLog' {
    It 'says what scripts rely on' {
        New-ServerLog -Worker Worker_PP0_TP0, Worker_PP1_TP0 -Tensor 2 -Pipeline 2 | Set-Content "$root/ranks.txt"
        $start = Import-LlmServerLog "$root/ranks.txt"
        $start | Should -BeOfType ([LlmOps.Core.Calibration.ServerLogMeasurement])
        Get-PromisedType Import-LlmServerLog | Should -BeExactly 'LlmOps.Core.Calibration.ServerLogMeasurement'
        $start.Engine | Should -Be 'vLLM'
        $start.EngineVersion | Should -BeExactly '0.19.1'
        $start.ModelName | Should -BeExactly 'meta-llama/Llama-3.1-70B-Instruct'
        $start.Quantization | Should -BeExactly 'BF16'
        $start.KvCacheDataType | Should -Be 'FP8'
        $start.TensorParallelSize * $start.PipelineParallelSize | Should -Be 4
        $start.MaxModelLength | Should -Be 40960
        $start.EnforceEager | Should -BeFalse
        $start.ModelWeightsGiB | Should -Be 16.02 -Because 'the fuller stage counts'
        $start.KvCacheGiB | Should -Be 49.31
        $start.ActivationsGiB | Should -Be 1.4
        $start.NonTorchGiB | Should -Be 0.25
        $start.CudaGraphsGiB | Should -Be 1.18
        $start.KvCacheTokens | Should -Be 361264
        $start.Ranks.PipelineParallelRank | Should -Be 0, 1
        $start.GpuMemoryUtilization | Should -BeNullOrEmpty -Because 'the log does not say'
        $start.Path | Should -Be "$root/ranks.txt"
        $start.LineNumber | Should -Be 1
        "$start" | Should -BeExactly 'meta-llama/Llama-3.1-70B-Instruct on vLLM 0.19.1: weights 16.02 GiB, KV cache 49.31 GiB'
    }

    It 'writes one object for each start in a file' {
        (New-ServerLog -Model a/a), (New-ServerLog -Model b/b), (New-ServerLog -Model c/c) | ForEach-Object { $_ } | Set-Content "$root/three.txt"
        $starts = Import-LlmServerLog -Path "$root/three.txt"
        $starts.ModelName | Should -Be 'a/a', 'b/b', 'c/c'
        $starts.LineNumber | Should -Be 1, 8, 15
        (Import-LlmServerLog "$root/three.txt" | Select-Object -First 1).ModelName | Should -Be 'a/a'
    }

    It 'expands wildcards in -Path, and takes brackets literally in -LiteralPath' {
        (Import-LlmServerLog "$root/with*.log").ModelName | Should -Be 'org/with [brackets].log', 'org/with space.log'
        (Import-LlmServerLog -LiteralPath "$root/with [brackets].log").ModelName | Should -Be 'org/with [brackets].log'
        (Import-LlmServerLog -Path 'TestDrive:/logs/pl*n.log').ModelName | Should -Be 'org/plain.log'
        Push-Location $root
        try { (Import-LlmServerLog ./plain.log, '模型-é-Ω.log').ModelName | Should -Be 'org/plain.log', 'org/模型-é-Ω.log' } finally { Pop-Location }
        $result = Invoke-Recorded { Import-LlmServerLog "$root/nothing*" }
        $result.Output.Count + $result.Errors.Count | Should -Be 0
    }

    It 'takes files from Get-ChildItem and rows with a FullName' {
        (Get-ChildItem $root -Filter *.log | Import-LlmServerLog).Count | Should -Be 4
        ([pscustomobject]@{ FullName = "$root/plain.log" } | Import-LlmServerLog).ModelName | Should -Be 'org/plain.log'
    }

    It 'takes lines, whole texts and what a program writes to its error stream' {
        $expected = Import-LlmServerLog "$root/plain.log"
        foreach ($input in @(, (Get-Content "$root/plain.log")), @(, (Get-Content "$root/plain.log" -Raw)), @(, ('', $null, (Get-Content "$root/plain.log")))) {
            $start = $input | ForEach-Object { $_ } | Import-LlmServerLog
            $start.ModelName | Should -Be $expected.ModelName
            $start.KvCacheTokens | Should -Be $expected.KvCacheTokens
            $start.Path | Should -BeNullOrEmpty
        }

        $errorLines = New-ServerLog -Model x/y | ForEach-Object { [Management.Automation.ErrorRecord]::new([Exception]::new($_), 'NativeCommandError', 'NotSpecified', $null) }
        ($errorLines | Import-LlmServerLog).ModelName | Should -Be 'x/y'
    }

    It 'gives what Get-LlmMemoryEstimate takes from the pipeline' {
        $estimate = New-ServerLog -Model Qwen/Qwen3-8B -Length 8192 | Import-LlmServerLog | Get-LlmMemoryEstimate
        $estimate.ModelName | Should -BeExactly 'Qwen3-8B'
        $estimate.SequenceLength | Should -Be 8192
        $estimate.KvCacheDataType | Should -Be 'FP8'
        $estimate.Quantization | Should -Be 'BF16'
        foreach ($name in 'Engine', 'Quantization', 'KvCacheDataType', 'Gpu', 'TensorParallelSize', 'PipelineParallelSize', 'DataParallelSize',
            'ExpertParallelSize', 'MaxModelLength', 'MaxSequences', 'MaxBatchedTokens', 'GpuMemoryUtilization', 'EnforceEager', 'Model') {
            (Get-Command Get-LlmMemoryEstimate).Parameters.Keys | Should -Contain $name
            [LlmOps.Core.Calibration.ServerLogMeasurement].GetProperty($name) | Should -Not -BeNullOrEmpty
        }
    }
}

Describe 'Import-LlmServerLog with what is no log' {
    BeforeAll {
        Set-Content "$root/other.txt" 'INFO: something else'
        [IO.File]::WriteAllBytes("$root/binary.txt", [byte[]] (0..255))
        Set-Content "$root/empty.txt" ''
        $good = "$root/plain.log"
    }

    It 'writes an error for <File>, and the others come out' -ForEach @(
        @{ File = 'other.txt' }, @{ File = 'binary.txt' }, @{ File = 'empty.txt' }
    ) {
        $bad = "$root/$File"
        $result = Invoke-Recorded { Import-LlmServerLog $good, $bad, $good }
        $result.Output.Count | Should -Be 2
        Assert-OneError $result ServerLogInvalid ImportLlmServerLog InvalidData $bad $File, 'Initializing a V1 LLM engine'
    }

    It 'says that a file does not exist' {
        Assert-OneError (Invoke-Recorded { Import-LlmServerLog "$root/none.log", $good }) ServerLogNotFound ImportLlmServerLog ObjectNotFound "$root/none.log" 'none.log'
        Assert-OneError (Invoke-Recorded { Import-LlmServerLog -LiteralPath "$root/none.log", $good }) ServerLogNotFound ImportLlmServerLog ObjectNotFound "$root/none.log" 'none.log'
        Assert-OneError (Invoke-Recorded { Import-LlmServerLog 'nodrive:/x' }) ServerLogNotFound ImportLlmServerLog ObjectNotFound 'nodrive:/x' 'nodrive'
        Assert-OneError (Invoke-Recorded { Import-LlmServerLog -LiteralPath Env:PATH }) PathNotInFileSystem ImportLlmServerLog InvalidArgument 'Env:PATH' 'file system'
    }

    It 'says what to do about a folder' {
        Assert-OneError (Invoke-Recorded { Get-Item $root | Import-LlmServerLog }) ServerLogNotReadable ImportLlmServerLog InvalidData $root 'Get-ChildItem'
    }

    It 'writes one error for lines without a start' {
        $result = Invoke-Recorded { 'one', 'two' | Import-LlmServerLog }
        $result.Errors.Count | Should -Be 1
        $result.Errors[0].FullyQualifiedErrorId | Should -BeExactly 'ServerLogInvalid,LlmOps.Commands.ImportLlmServerLogCommand'
        (Invoke-Recorded { @() | Import-LlmServerLog }).Errors.Count | Should -Be 0
    }

    It 'warns of a figure that cannot be, with its line, and goes on' {
        (New-ServerLog) -replace '15\.02 GiB memory', '1e999 GiB memory' | Set-Content "$root/absurd.txt"
        $result = Invoke-Recorded { Import-LlmServerLog "$root/absurd.txt" }
        $result.Output.Count | Should -Be 1
        $result.Warnings.Count | Should -Be 1
        $result.Warnings[0].Message | Should -BeLike '*absurd.txt: Line 2: weights*left out.'
        $result.Output[0].Notes.Count | Should -Be 1
        $result.Output[0].ModelWeightsGiB | Should -Be 15.02 -Because 'a later line says it too'
    }
}

Describe 'Import-LlmServerLog with a large file' {
    BeforeAll {
        $large = "$root/large.bin"
        $writer = [IO.StreamWriter]::new($large)
        New-ServerLog | ForEach-Object { $writer.WriteLine($_) }
        New-ServerLog | ForEach-Object { $writer.WriteLine($_) }
        $filler = ('INFO 04-04 18:20:00 [loggers.py:310] Engine 000: Avg prompt throughput: 5.7 tokens/s, GPU KV cache usage: 1.0%' + "`n") * 1000
        foreach ($i in 1..3000) { $writer.Write($filler) }
        $writer.Dispose()
    }

    AfterAll { Remove-Item -LiteralPath $large }

    It 'shows how far it is' {
        $shell = [powershell]::Create()
        try {
            [void] $shell.AddScript("Import-Module '$ModuleManifest'; Import-LlmServerLog '$large'")
            $shell.Invoke().Count | Should -Be 2
            $progress = $shell.Streams.Progress | Where-Object Activity -Like '*large.bin'
            $progress.Count | Should -BeGreaterThan 1
            $progress[-1].RecordType | Should -Be 'Completed'
        }
        finally {
            $shell.Dispose()
        }
    }

    It 'stops at Ctrl+C' {
        $run = Stop-Running "Import-LlmServerLog -LiteralPath (@('$large') * 1000)"
        Assert-Stopped $run -WithinSeconds 5
    }
}

Describe 'Import-LlmServerLog completion' {
    It 'completes paths' {
        foreach ($parameter in 'Path', 'LiteralPath') {
            Get-Completion "Import-LlmServerLog -$parameter TestDrive:/logs/pla" | Should -BeLike '*plain.log'
        }
    }
}
