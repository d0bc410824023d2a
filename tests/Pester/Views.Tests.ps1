BeforeAll {
    . $PSScriptRoot/common.ps1

    $starts = @(New-ServerLog -Worker Worker_PP0_TP0_EP0, Worker_PP1_TP0_EP0 -Tensor 8 -Pipeline 2
        New-ServerLog -Model /models/a-name-that-is-longer-than-its-column-Instruct -Version 0.20.2rc1.dev249 -Tokens 13427495 -Length 1048576
        New-ServerLog -Model Qwen/Qwen3-8B -Worker '') | Import-LlmServerLog

    $times = @(
        @'
Model,Gpu,Engine,TensorParallelSize,ExpertParallelSize,BatchSize,InputLength,OutputLength,TtftMs,TpotMs
Qwen3-235B-A22B-Instruct-2507,RTX-PRO-6000-Server,TensorRT-LLM,8,1,1,131072,1024,45678.9,34.5678
Qwen3-235B-A22B-Instruct-2507,RTX-PRO-6000-Server,TensorRT-LLM,8,8,1000,8192,1024,1234567.8,1234.5678
Llama-3.1-8B,H100,TensorRT-LLM,1,1,1,128,128,,8.9
Llama-3.1-8B,H100,TensorRT-LLM,1,1,32,128,128,,12.5
'@ | ConvertFrom-Csv | New-LlmCalibration h100-0.20.2-rc -Force
        @'
Model,Gpu,BatchSize,InputLength,OutputLength,TpotMs
Llama-3.1-8B,H100,1,1024,1024,8.9
'@ | ConvertFrom-Csv | New-LlmCalibration one -Force -WarningAction Ignore)

    # Prices read from a file, of the longest names, cheap and dear ones.
    function Get-PriceChange {
        $kept = $env:LLMOPS_DATA
        $env:LLMOPS_DATA = Join-Path (Get-PSDrive TestDrive).Root view-data
        try {
            $file = Join-Path (Get-PSDrive TestDrive).Root vms.csv
            Set-Content $file @(
                'InstanceType,Price,SpotPrice,Region'
                'Standard_NC4as_T4_v3,0.55,0.0601,eastus'
                'Standard_NC4as_T4_v3,0.6,0.07,southcentralus'
                'Standard_ND96amsr_A100_v4,32.77,3.6047,eastus'
                'Standard_ND96amsr_A100_v4,123.4,,westeurope'
                'Standard_ND96isr_H100_v5,1234.5,,eastus')
            Update-GpuInstancePrice Azure -LiteralPath $file -Date 2026-02-01 -WarningAction SilentlyContinue
        }
        finally { $env:LLMOPS_DATA = $kept }
    }

    $fleets = @(
        Find-GpuFleet Llama-3.1-70B -InputLength 200, 1000, 8000 -OutputLength 100, 200, 500 -Weight 5, 3, 1 -RequestsPerSecond 0.001, 10, 1000 -SloTimeToFirstTokenMs 1000 -SloTimePerOutputTokenMs 50 -SloEndToEndMs 60000 -SpareInstance 0, 1 -Provider AWS, Azure, GCP -WarningAction SilentlyContinue
        Find-GpuFleet DeepSeek-V3 -InputLength 131072 -OutputLength 32768 -RequestsPerSecond 20 -Gpu H200 -Provider Nebius -WarningAction SilentlyContinue
        Find-GpuFleet Llama-3.1-8B -InputLength 512 -OutputLength 256 -RequestsPerSecond 10 -Gpu RTX-PRO-6000-Server -WarningAction SilentlyContinue)

    # One sample of each type, with the longest names that the catalogues have.
    $samples = @{
        LlmModel                  = Get-LlmModel Llama-2-7B, Mixtral-8x7B, Qwen3-235B-A22B-Instruct-2507, DeepSeek-V3, OPT-125M
        ParameterBreakdown        = (Get-LlmModel DeepSeek-V3).Parameters
        GpuSpec                   = Get-Gpu T4, A100-PCIe-80GB, H100-80GB, RTX-PRO-6000-Server, B300, MI300X
        DenseThroughput           = (Get-Gpu H100-80GB).DenseTflops
        GpuInstance               = Get-GpuInstance g5.xlarge, g7e.48xlarge, p6-b300.48xlarge, Standard_NC24ads_A100_v4, Standard_ND96amsr_A100_v4, a2-ultragpu-8g, n1-highmem-16+2xP100 -Region us-east-1, us-west-2, eastus, us-east5
        GpuInstancePriceChange    = Get-PriceChange
        MemoryEstimate            = Get-LlmMemoryEstimate Llama-2-7B, Mixtral-8x7B -Quantization FP16, Q4_K_M -Gpu T4, RTX-PRO-6000-Server -BatchSize 64 -SequenceLength 4096
        MemoryTerm                = (Get-LlmMemoryEstimate Llama-2-7B -Gpu A100-PCIe-80GB).Terms
        MemoryBreakdown           = (Get-LlmMemoryEstimate Llama-2-7B).Bytes
        MemoryEstimationParameter = New-MemoryEstimationParameter
        KvCacheMeasurement        = Get-LlmModel Llama-2-7B, DeepSeek-V3 | Measure-KvCache -BatchSize 8, 1000 -SequenceLength 2048, 131072 -Gpu RTX-PRO-6000-Server, MI300X -WarningAction SilentlyContinue
        PerformanceEstimate       = Get-LlmPerformanceEstimate Llama-3.1-8B, DeepSeek-V3 RTX-PRO-6000-Server, MI300X -TP 1, 8 -BatchSize 1, 1000 -InputLength 131072 -WarningAction SilentlyContinue
        QuantizationComparison    = Compare-LlmQuantization DeepSeek-V3, Llama-3.1-8B -To BF16, AWQ, NVFP4, Q4_K_M, IQ2_XXS -Gpu RTX-PRO-6000-Server -TP 8 -UsdPerHour 98.32
        QualityDelta              = (Compare-LlmQuantization Llama-3.1-8B -To AWQ, IQ2_XXS, NVFP4).Quality
        PerformanceTerm           = (Get-LlmPerformanceEstimate Llama-3.1-8B H100 -BatchSize 32).Terms
        ServerLogMeasurement      = $starts
        ServerLogRank             = $starts[0].Ranks
        TermComparison            = $starts[0], $starts[2] | Compare-LlmMemoryEstimate -Gpu RTX-PRO-6000-Server
        MemoryCalibration         = $starts[0], $starts[2] | New-LlmCalibration h100-vllm-0.20.2 -Force
        TimeCalibration           = $times
        PhaseTimeCalibration      = $times[0].TimePerOutputToken
        TimeResidual              = $times.Residuals
        ParallelismLayout         = @(
            Find-LlmParallelism Qwen3-235B-A22B-Instruct-2507 H100 -Quantization FP8 -GpuCount 8
            Find-LlmParallelism Llama-3.3-70B RTX-PRO-6000-Server -GpuCount 3 -BatchSize 8 -InputLength 131000 -OutputLength 72 -IncludeRejected)
        ConfigurationCandidate    = @(
            Find-LlmConfiguration -PerformanceModel Simple -RequestsPerDay 100000 -TargetLatencyMs 200 -BudgetUsdPerMonth 5000
            Find-LlmConfiguration -PerformanceModel Simple -RequestsPerDay 30000000 -TargetLatencyMs 500 -Gpu A100-40GB -BatchSize 2
            Find-LlmConfiguration Qwen3-235B-A22B-Instruct-2507 -RequestsPerDay 10000000 -TargetLatencyMs 20000.5 -Gpu RTX-PRO-6000-Server, H100-80GB -IncludeRejected -WarningAction SilentlyContinue)
        GpuFleet                  = $fleets
        GpuFleetMember            = $fleets.ForEach('Members')
        GpuFleetShare             = $fleets[0, 2, 6].ForEach({ $_.Members[0].Shares })
        InstanceEvaluation        = @(
            Find-OptimalGpuInstance Llama-2-7B -BatchSize 32 -Instance Standard_NC24ads_A100_v4, Standard_ND96amsr_A100_v4, g7e.48xlarge, g5.xlarge, a2-ultragpu-8g, n1-highmem-16+2xP100, n3-A100x1, g4dn.xlarge -Region us-east-1, eastus, us-east5, CANADA-1 -IncludeRejected -WarningAction SilentlyContinue
            Find-OptimalGpuInstance OPT-2.7B -PerformanceModel InferSave -BatchSize 32 -InputLength 128 -OutputLength 512 -SafetyFactor 0.87 -SloTokensPerSecond 100
            Find-OptimalGpuInstance OPT-6.7B -PerformanceModel InferSave -BatchSize 32 -InputLength 512 -OutputLength 512 -SafetyFactor 0.87 -IncludeRejected)
    }
    $snapshots = Join-Path $PSScriptRoot Snapshots

    # Compares text with a snapshot file, or rewrites the file where LLMOPS_UPDATE_SNAPSHOTS is 1.
    function Assert-Snapshot([string] $Name, [string] $Text) {
        $file = Join-Path $snapshots "$Name.snap"
        if ($env:LLMOPS_UPDATE_SNAPSHOTS -eq '1') {
            [void] (New-Item -ItemType Directory $snapshots -Force)
            [IO.File]::WriteAllText($file, $Text)
        }

        $file | Should -Exist -Because 'a new view needs a snapshot: run once with LLMOPS_UPDATE_SNAPSHOTS=1 and look at it'
        $Text | Should -BeExactly ([IO.File]::ReadAllText($file) -replace "`r`n", "`n") -Because "$Name.snap shows how it looked before"
    }

    # The dashes under the headers, as start and length of each column.
    function Get-TableColumn([string] $Text) {
        $dashes = ($Text -split "`n" -match '^[- ]*---[- ]*$')[0]
        [regex]::Matches($dashes, '-+') | ForEach-Object { [pscustomobject]@{ Start = $_.Index; End = $_.Index + $_.Length } }
    }
}

Describe 'Views' {
    It 'exist as table and list for what <Cmdlet> writes' -ForEach @(
        @{ Cmdlet = 'Get-LlmModel' }, @{ Cmdlet = 'Get-Gpu' }, @{ Cmdlet = 'Get-GpuInstance' }, @{ Cmdlet = 'Get-LlmMemoryEstimate' }
        @{ Cmdlet = 'New-MemoryEstimationParameter' }, @{ Cmdlet = 'Import-LlmServerLog' }, @{ Cmdlet = 'Measure-KvCache' }, @{ Cmdlet = 'Get-LlmPerformanceEstimate' }, @{ Cmdlet = 'Find-OptimalGpuInstance' }, @{ Cmdlet = 'Find-GpuFleet' }
        @{ Cmdlet = 'Update-GpuInstancePrice' }, @{ Cmdlet = 'Compare-LlmMemoryEstimate' }, @{ Cmdlet = 'Compare-LlmQuantization' }, @{ Cmdlet = 'New-LlmCalibration' }
        @{ Cmdlet = 'Find-LlmParallelism' }, @{ Cmdlet = 'Find-LlmConfiguration' }
    ) {
        foreach ($type in Get-PromisedType $Cmdlet) {
            $kinds = (Get-FormatData -TypeName $type).FormatViewDefinition.Control | ForEach-Object { $_.GetType().Name }
            $kinds | Should -Contain 'TableControl'
            $kinds | Should -Contain 'ListControl'
        }
    }

    It 'name properties that exist' {
        foreach ($name in $samples.Keys) {
            $sample = @($samples[$name])[0]
            $known = $sample.psobject.Properties.Name
            foreach ($view in (Get-FormatData -TypeName $sample.GetType().FullName).FormatViewDefinition) {
                $entries = $view.Control -is [Management.Automation.TableControl] ? $view.Control.Rows.Columns.DisplayEntry : $view.Control.Entries.Items.DisplayEntry
                $entries.Count | Should -BeGreaterThan 2
                foreach ($entry in $entries | Where-Object ValueType -eq Property) {
                    $known | Should -Contain $entry.Value -Because "$name shows it"
                }
            }
        }
    }

    It 'show <Type> as a <Kind> in <Width> columns' -ForEach @(
        foreach ($type in 'LlmModel', 'GpuSpec', 'GpuInstance', 'GpuInstancePriceChange', 'MemoryEstimate', 'MemoryTerm', 'MemoryEstimationParameter', 'KvCacheMeasurement', 'PerformanceEstimate', 'PerformanceTerm', 'QuantizationComparison', 'QualityDelta', 'ServerLogMeasurement', 'ServerLogRank', 'TermComparison', 'MemoryCalibration', 'ParallelismLayout', 'ConfigurationCandidate', 'TimeCalibration', 'TimeResidual', 'InstanceEvaluation', 'GpuFleet', 'GpuFleetMember', 'GpuFleetShare') {
            foreach ($width in 80, 120) {
                @{ Type = $type; Kind = 'table'; Width = $width }
                @{ Type = $type; Kind = 'list'; Width = $width }
            }
        }
        foreach ($type in 'ParameterBreakdown', 'DenseThroughput', 'MemoryBreakdown', 'PhaseTimeCalibration') {
            foreach ($width in 80, 120) { @{ Type = $type; Kind = 'list'; Width = $width } }
        }
    ) {
        $sample = $Kind -eq 'list' ? @($samples[$Type])[0] : $samples[$Type]
        $text = Get-Rendering $sample -Width $Width -List:($Kind -eq 'list')
        foreach ($line in $text -split "`n") { $line.Length | Should -BeLessOrEqual $Width }
        $text | Should -Not -Match '…' -Because 'nothing is cut'
        Assert-Snapshot "$Type.$Kind.$Width" $text
    }

    It 'have one line for each row of <Type> in <Width> columns' -ForEach @(
        # 79 is what a console of 80 columns on Windows leaves for output.
        foreach ($width in 79, 80, 100, 120) {
            foreach ($type in 'LlmModel', 'GpuSpec', 'GpuInstance', 'GpuInstancePriceChange', 'MemoryEstimate', 'MemoryEstimationParameter', 'KvCacheMeasurement', 'PerformanceEstimate', 'QuantizationComparison', 'ServerLogMeasurement', 'ServerLogRank', 'TermComparison', 'MemoryCalibration', 'ParallelismLayout', 'ConfigurationCandidate', 'TimeCalibration', 'TimeResidual', 'InstanceEvaluation', 'GpuFleetShare') {
                @{ Type = $type; Width = $width }
            }
        }
    ) {
        $rows = @($samples[$Type])
        $text = Get-Rendering $rows -Width $Width
        $lines = 0
        foreach ($block in $text -split '(?m)(?=^[^\n]*\n[^\n]*\n? *-{3,}[- ]*$)') {
            $lines += @(($block -replace '(?s)^.*?\n *-{3,}[- ]*(\n|$)' -split "`n\s*`n")[0] -split "`n" | Where-Object { $_.Trim() -and $block -match '-{3,}' }).Count
        }
        $lines | Should -Be $rows.Count
        $text | Should -Not -Match '…'
    }

    It 'have at least <Least> columns of <Type> in 79 columns: <First> to <Last>' -ForEach @(
        @{ Type = 'LlmModel'; Least = 6; First = 'Name'; Last = 'KV B/tok' }
        @{ Type = 'GpuSpec'; Least = 7; First = 'Name'; Last = 'Link' }
        @{ Type = 'GpuInstancePriceChange'; Least = 7; First = 'Provider'; Last = '%' }
        @{ Type = 'GpuInstance'; Least = 5; First = 'Provider'; Last = 'USD/h' }
        @{ Type = 'MemoryEstimate'; Least = 8; First = 'Quant'; Last = 'Fits' }
        @{ Type = 'MemoryTerm'; Least = 6; First = 'Name'; Last = 'Formula' }
        @{ Type = 'KvCacheMeasurement'; Least = 7; First = 'Batch'; Last = 'Seqs' }
        @{ Type = 'PerformanceEstimate'; Least = 7; First = 'GPUs'; Last = 'Bottleneck' }
        @{ Type = 'PerformanceTerm'; Least = 5; First = 'Phase'; Last = 'Formula' }
        @{ Type = 'QuantizationComparison'; Least = 9; First = 'Format'; Last = 'Figures of' }
        @{ Type = 'QualityDelta'; Least = 6; First = 'Format'; Last = 'Dataset' }
        @{ Type = 'ServerLogMeasurement'; Least = 8; First = 'Model'; Last = 'Max len' }
        @{ Type = 'ServerLogRank'; Least = 9; First = 'Name'; Last = 'Graphs' }
        @{ Type = 'ParallelismLayout'; Least = 10; First = 'Rank'; Last = 'Link' }
        @{ Type = 'ConfigurationCandidate'; Least = 9; First = 'Rank'; Last = 'GPUs' }
        @{ Type = 'InstanceEvaluation'; Least = 7; First = 'Rank'; Last = 'USD/M' }
        @{ Type = 'GpuFleet'; Least = 7; First = 'Req/s'; Last = 'Proved' }
        @{ Type = 'GpuFleetMember'; Least = 6; First = 'Count'; Last = 'USD/h all' }
        @{ Type = 'GpuFleetShare'; Least = 8; First = 'Input'; Last = 'End to end' }
    ) {
        $text = Get-Rendering $samples[$Type] -Width 79
        @(Get-TableColumn $text).Count | Should -BeGreaterOrEqual $Least
        $header = ($text -split "`n" -match "^ *$First\b.*$([regex]::Escape($Last)) *$")
        $header.Count | Should -BeGreaterThan 0
    }

    It 'align numbers of <Type> right' -ForEach @(
        @{ Type = 'LlmModel' }, @{ Type = 'GpuSpec' }, @{ Type = 'GpuInstance' }, @{ Type = 'GpuInstancePriceChange' }, @{ Type = 'MemoryEstimate' }, @{ Type = 'MemoryTerm' }
        @{ Type = 'MemoryEstimationParameter' }, @{ Type = 'KvCacheMeasurement' }, @{ Type = 'PerformanceEstimate' }, @{ Type = 'PerformanceTerm' }, @{ Type = 'QuantizationComparison' }, @{ Type = 'QualityDelta' }, @{ Type = 'ServerLogMeasurement' }, @{ Type = 'ServerLogRank' }, @{ Type = 'ParallelismLayout' }, @{ Type = 'ConfigurationCandidate' }, @{ Type = 'InstanceEvaluation' }
    ) {
        $sample = @($samples[$Type])[0]
        $table = (Get-FormatData -TypeName $sample.GetType().FullName).FormatViewDefinition.Control | Where-Object { $_ -is [Management.Automation.TableControl] }
        $numeric = 0
        for ($i = 0; $i -lt $table.Headers.Count; $i++) {
            $column = $table.Rows[0].Columns[$i]
            $value = $column.DisplayEntry.ValueType -eq 'Property' ? $sample.$($column.DisplayEntry.Value) : $null
            $isNumber = $value -is [double] -or $value -is [long] -or $value -is [int] -or $column.FormatString -like '{0:N*' -or $table.Headers[$i].Label -match 'USD|Tokens/s|load'
            if ($isNumber) {
                $numeric++
                $table.Headers[$i].Alignment | Should -Be 'Right' -Because "$($table.Headers[$i].Label) is a number"
            }
        }
        $numeric | Should -BeGreaterThan 0
    }

    It 'say units in the headers of <Type>' -ForEach @(
        @{ Type = 'LlmModel'; Labels = 'Params B', 'Active B', 'KV B/tok' }
        @{ Type = 'GpuSpec'; Labels = 'Memory GiB', 'Memory GB/s', 'FP16 TFLOPS', 'FP8 TFLOPS', 'Link GB/s' }
        @{ Type = 'GpuInstance'; Labels = 'USD/h', 'Spot USD/h' }
        @{ Type = 'GpuInstancePriceChange'; Labels = 'Old  USD/h', 'New  USD/h', '%' }
        @{ Type = 'MemoryEstimate'; Labels = 'Weights GiB', 'KV cache GiB', 'Total GiB' }
        @{ Type = 'MemoryTerm'; Labels = 'GiB', 'Low GiB', 'High GiB' }
        @{ Type = 'KvCacheMeasurement'; Labels = 'Total GiB', 'Pool GiB' }
        @{ Type = 'PerformanceEstimate'; Labels = 'TTFT ms', 'TPOT ms', 'Tokens/s' }
        @{ Type = 'PerformanceTerm'; Labels = , 'ms' }
        @{ Type = 'QuantizationComparison'; Labels = 'Size GB', 'Saved %', 'USD/M tokens', 'Quality %' }
        @{ Type = 'ServerLogMeasurement'; Labels = 'Weights GiB', 'Activ. GiB', 'KV cache GiB', 'KV tokens' }
        @{ Type = 'ParallelismLayout'; Labels = 'Weights GiB', 'KV GiB', 'TTFT ms', 'TPOT ms', 'Tokens/s', 'Link %' }
        @{ Type = 'ConfigurationCandidate'; Labels = 'Latency ms', 'USD/month', 'USD/k req.' }
        @{ Type = 'InstanceEvaluation'; Labels = 'Tokens/s', 'USD/h all', 'USD/M tokens' }
    ) {
        $views = (Get-FormatData -TypeName @($samples[$Type])[0].GetType().FullName).FormatViewDefinition.Control
        $found = ($views | Where-Object { $_ -is [Management.Automation.TableControl] }).Headers.Label
        foreach ($label in $Labels) { $found | Should -Contain $label }
    }

    It 'mark a prediction that is faster than the hardware allows' {
        $text = Get-Rendering $samples.InstanceEvaluation -Width 80
        @($text -split "`n" -match ' A10G .* 6,697\.7! ').Count | Should -Be 1
        @($text -split "`n" -match '\d!').Count | Should -Be 1
        @($text -split "`n" -match '^   ! = faster than the hardware allows').Count | Should -Be 2
    }

    It 'show no throughput and no price a token where nothing runs' {
        $row = (Get-Rendering $samples.InstanceEvaluation -Width 80) -split "`n" -match '^ +T4 +1xT4'
        $row.Count | Should -Be 1
        $row[0].Trim() -replace ' +', ' ' | Should -BeExactly 'T4 1xT4 0.70'
    }

    It 'say of rejected instances why, in lines of 79 columns' {
        $fastest = Find-OptimalGpuInstance Llama-3.1-8B -BatchSize 8 -Gpu L4 -Provider AWS -SloTokensPerSecond 1e6 -IncludeRejected -WarningAction SilentlyContinue
        $large = Find-OptimalGpuInstance Llama-3.1-405B -Gpu L4 -Provider AWS -IncludeRejected -WarningAction SilentlyContinue
        $unpriced = Find-OptimalGpuInstance Llama-3.1-8B -Gpu B200, B300 -Provider AWS -PriceType Spot -IncludeRejected -WarningAction SilentlyContinue
        $text = Get-Rendering (@($fastest) + $large + $unpriced) -Width 79
        foreach ($line in $text -split "`n") { $line.Length | Should -BeLessOrEqual 79 }
        $text | Should -Match '(?m)^   Not ranked: slower than was asked for or over the budget \(RejectionReason\)$'
        ($text -replace '\s+', ' ') | Should -BeLike "*Not ranked: $(@($large)[0].RejectionReason) Rank*"
        @($text -split "`n" -match '^   Not ranked: no Spot price is known$').Count | Should -Be 1 -Because 'what is rejected alike stands together'
        @($text -split "`n" -match '^ +p6-b200\.48xlarge +8xB200 *$').Count | Should -Be 1 -Because 'no price is known'
    }

    It 'announce no columns that a window of 80 columns has no room for' {
        $text = Get-Rendering (Find-OptimalGpuInstance Llama-3.1-8B -RequestsPerSecond 20 -Gpu L4 -Provider AWS -WarningAction SilentlyContinue) -Width 80
        $text | Should -Not -Match 'TTFT ms'
        $text | Should -Match '(?m)^   TTFT and TPOT, from 100 columns on: what 95 % of the requests stay within$'
        Get-Rendering (Find-OptimalGpuInstance Llama-3.1-8B -RequestsPerSecond 20 -Gpu L4 -Provider AWS -WarningAction SilentlyContinue) -Width 100 | Should -Match 'TTFT ms +TPOT ms'
    }

    It 'name instance and provider of a configuration in 120 columns' {
        $text = Get-Rendering (Find-LlmConfiguration Llama-3.1-8B -RequestsPerDay 10000000 -TargetLatencyMs 20000 -Gpu L4 -Provider AWS -First 1 -WarningAction SilentlyContinue) -Width 120
        $text | Should -Match '(?m)^ +1 L4 .* \d+ x g6\.\w+ +AWS$'
    }

    It 'write dates as ISO 8601 under every culture' {
        foreach ($culture in 'en-US', 'de-DE', 'th-TH', '') {
            Get-Rendering (Get-GpuInstance g5.xlarge -Region us-east-1) -Width 120 -Culture $culture | Should -Match '\b2026-01-21\b'
            Get-Rendering (Get-GpuInstance g5.xlarge -Region us-east-1) -Width 120 -List -Culture $culture | Should -Match 'PriceDate +: 2026-01-21'
        }
    }

    It 'show numbers as Germans write them under de-DE' {
        $text = Get-Rendering $samples.MemoryEstimate -Width 80 -Culture de-DE
        $text | Should -Match '\b4\.096\b'
        $text | Should -Match '\b12,55\b'
        Assert-Snapshot 'MemoryEstimate.table.80.de-DE' $text
        Assert-Snapshot 'InstanceEvaluation.table.80.de-DE' (Get-Rendering $samples.InstanceEvaluation -Width 80 -Culture de-DE)
    }

    It 'wrap the formula of a term instead of cutting it' {
        $text = Get-Rendering $samples.MemoryTerm -Width 80
        ($text -replace '\s+') | Should -BeLike '*hiddenstates*'
        $text | Should -Not -Match '…'
    }

    It 'have no snapshot that nothing compares with' {
        $expected = @(
            foreach ($type in 'LlmModel', 'GpuSpec', 'GpuInstance', 'GpuInstancePriceChange', 'MemoryEstimate', 'MemoryTerm', 'MemoryEstimationParameter', 'KvCacheMeasurement', 'PerformanceEstimate', 'PerformanceTerm', 'QuantizationComparison', 'QualityDelta', 'ServerLogMeasurement', 'ServerLogRank', 'TermComparison', 'MemoryCalibration', 'ParallelismLayout', 'ConfigurationCandidate', 'TimeCalibration', 'TimeResidual', 'InstanceEvaluation', 'GpuFleet', 'GpuFleetMember', 'GpuFleetShare') {
                foreach ($width in 80, 120) { "$type.table.$width.snap"; "$type.list.$width.snap" }
            }
            foreach ($type in 'ParameterBreakdown', 'DenseThroughput', 'MemoryBreakdown', 'PhaseTimeCalibration') { "$type.list.80.snap"; "$type.list.120.snap" }
            'MemoryEstimate.table.80.de-DE.snap'
            'InstanceEvaluation.table.80.de-DE.snap'
        )
        (Get-ChildItem $snapshots).Name | Sort-Object | Should -Be ($expected | Sort-Object)
    }
}
