BeforeAll {
    . $PSScriptRoot/common.ps1
    $root = Split-Path $ModuleManifest
    $exported = 'Compare-LlmMemoryEstimate', 'Compare-LlmQuantization', 'Find-GpuFleet', 'Find-LlmConfiguration', 'Find-LlmParallelism', 'Find-OptimalGpuInstance', 'Get-Gpu', 'Get-GpuInstance', 'Get-LlmMemoryEstimate', 'Get-LlmModel', 'Get-LlmPerformanceEstimate', 'Import-LlmServerLog', 'Measure-KvCache', 'New-LlmCalibration', 'New-MemoryEstimationParameter', 'Update-GpuInstancePrice'

    # Runs a script in a process of its own, with a culture set before anything else happens; returns its lines.
    function Invoke-Fresh([string] $Culture, [string] $Script) {
        $preamble = "`$ErrorActionPreference = 'Stop'; [cultureinfo]::CurrentCulture = '$Culture'; Import-Module '$ModuleManifest'; "
        $lines = & ([Environment]::ProcessPath) -NoProfile -NonInteractive -Command ($preamble + $Script) 2>&1
        $LASTEXITCODE | Should -Be 0 -Because "$lines"
        $lines | ForEach-Object { "$_" }
    }
}

Describe 'The module' {
    It 'has a valid manifest' {
        $manifest = Test-ModuleManifest $ModuleManifest -ErrorAction Stop -WarningVariable warnings
        $warnings.Count | Should -Be 0
        $manifest.Name | Should -BeExactly 'LlmOps'
        $manifest.PowerShellVersion | Should -Be '7.4'
        $manifest.CompatiblePSEditions | Should -Be 'Core'
        $manifest.Guid | Should -Not -Be ([guid]::Empty)
        $manifest.Description | Should -Not -BeNullOrEmpty
    }

    It 'exports exactly what it lists by name' {
        $data = Import-PowerShellDataFile $ModuleManifest
        $data.CmdletsToExport | Sort-Object | Should -BeExactly $exported
        @($data.FunctionsToExport).Count + @($data.AliasesToExport).Count + @($data.VariablesToExport).Count | Should -Be 0
        $module = Get-Module LlmOps
        $module.ExportedCommands.Keys | Sort-Object | Should -BeExactly $exported
        $module.ExportedCommands.Values.CommandType | Sort-Object -Unique | Should -Be 'Cmdlet'
    }

    It 'ships every cmdlet that it has' {
        $types = (Get-Command Get-Gpu).ImplementingType.Assembly.GetExportedTypes() |
            Where-Object { -not $_.IsAbstract -and $_.IsSubclassOf([Management.Automation.Cmdlet]) }
        $names = foreach ($type in $types) {
            $attribute = [Attribute]::GetCustomAttribute($type, [Management.Automation.CmdletAttribute])
            "$($attribute.VerbName)-$($attribute.NounName)"
        }
        $names | Sort-Object | Should -BeExactly $exported
    }

    It 'has approved verbs and singular nouns' {
        foreach ($command in Get-Command -Module LlmOps) {
            (Get-Verb -Verb $command.Verb).Verb | Should -BeExactly $command.Verb
            $command.Noun | Should -MatchExactly '^[A-Z][A-Za-z]*[^s]$'
        }
    }

    It 'has singular parameter names in PascalCase, each with one parameter from the pipeline a set' {
        $common = [Management.Automation.PSCmdlet]::CommonParameters
        foreach ($command in Get-Command -Module LlmOps) {
            foreach ($parameter in $command.Parameters.Values | Where-Object Name -NotIn $common) {
                $parameter.Name | Should -MatchExactly '^[A-Z][A-Za-z]*$'

                # Bytes, (milli)seconds, tokens a second, sequences and layers are units or settings of the engine by that name.
                if ($parameter.Name -notin 'PrecisionBytes', 'MaxSequences', 'MaxBatchedTokens', 'GpuLayers') {
                    $parameter.Name | Should -Not -MatchExactly '(?<!s|M|Second)s$' -Because $command.Name
                }
            }

            foreach ($set in $command.ParameterSets) {
                @($set.Parameters | Where-Object ValueFromPipeline).Count | Should -BeLessOrEqual 1
            }
        }
    }

    It 'promises an output type for each cmdlet' {
        foreach ($name in $exported) {
            # One kind of calibration for memory and one for times.
            Get-PromisedType $name | Should -HaveCount ($name -eq 'New-LlmCalibration' ? 2 : 1)
        }
    }

    It 'brings no copy of what PowerShell brings' {
        Test-Path "$root/bin/LlmOps.dll" | Should -BeTrue
        Test-Path "$root/bin/LlmOps.Core.dll" | Should -BeTrue
        Test-Path "$root/bin/LlmOps.Operations.dll" | Should -BeTrue
        foreach ($name in 'System.Management.Automation.dll', 'Newtonsoft.Json.dll', 'PowerShellStandard.Library.dll') {
            Join-Path $root bin $name | Should -Not -Exist
        }
    }

    It 'keeps PowerShell out of the core' {
        $references = [LlmOps.Core.Models.LlmModel].Assembly.GetReferencedAssemblies().Name
        $references | Should -Not -Contain 'System.Management.Automation'
        $references | Should -Not -Contain 'Newtonsoft.Json'
    }
}

Describe 'The module in a process of its own' {
    It 'makes the core''s types known straight after the import' {
        $lines = Invoke-Fresh en-US '[LlmOps.Core.Models.LlmModel].FullName; [LlmOps.Core.Precision.KvCacheDataType]::FP8'
        $lines | Should -Be 'LlmOps.Core.Models.LlmModel', 'FP8'
    }

    It 'is found and imported by itself from the module path' {
        # A folder named like the module, as Install-Module makes it.
        $folder = Join-Path (Get-PSDrive TestDrive).Root modules
        [void] (New-Item -ItemType Directory $folder)
        [void] (New-Item -ItemType SymbolicLink -Path "$folder/LlmOps" -Target $root)
        $script = "`$env:PSModulePath = '$folder'; (Get-LlmModel Llama-2-7B).ParameterCount"
        & ([Environment]::ProcessPath) -NoProfile -NonInteractive -Command $script | Should -Be '6738415616'
    }

    It 'gives the same numbers under every culture' {
        $script = @'
$invariant = [cultureinfo]::InvariantCulture
(1.5).ToString()
(Get-LlmModel LLAMA-2-7B).ParameterCount.ToString($invariant)
(Get-LlmMemoryEstimate Mixtral-8x7B -Quantization int8 -Gpu h100_sxm).TotalGiB.ToString('R', $invariant)
(Measure-KvCache 'GEMMA-3-27B' -SequenceLength 8192).TotalGiB.ToString('R', $invariant)
(Find-OptimalGpuInstance OPT-2.7B -PerformanceModel inferSAVE -BatchSize 32 -InputLength 128 -OutputLength 512 -SafetyFactor 0.87)[0].TokensPerSecond.ToString('R', $invariant)
(Get-GpuInstance G5.XLARGE -Region US-EAST-1 -WarningAction Ignore).PriceDate.ToString('o', $invariant)
(Get-Gpu mi300x).Name
"$(Get-LlmMemoryEstimate Llama-2-7B)"
"$(Measure-KvCache Llama-2-7B -BatchSize 3)"
"$((Find-OptimalGpuInstance OPT-2.7B -PerformanceModel InferSave -Gpu T4)[0])"
"$(New-MemoryEstimationParameter -FragmentationOverheadFactor 1.25) $((Get-LlmMemoryEstimate Llama-2-7B).Terms[0]) $((Get-Gpu B300).DenseTflops)"
(Get-LlmMemoryEstimate Llama-2-7B).Terms[3].Formula
"Model;SafetyFactor`nOPT-2.7B;0.87" | ConvertFrom-Csv -Delimiter ';' | Find-OptimalGpuInstance -PerformanceModel InferSave -Gpu T4 -BatchSize 32 -InputLength 128 -OutputLength 512 | ForEach-Object { $_.TokensPerSecond.ToString('R', $invariant) }
'@
        $english = Invoke-Fresh en-US $script
        $german = Invoke-Fresh de-DE $script
        $turkish = Invoke-Fresh tr-TR $script
        $invariant = Invoke-Fresh '' $script
        $english.Count | Should -Be 13
        $english[1] | Should -Be '6738415616'
        $english[7] | Should -BeLike 'Llama-2-7B FP16: *.* GiB'
        $english[8] | Should -BeExactly 'Llama-2-7B: 3 x 2048 tokens, 3.00 GiB'
        $english[10] | Should -BeLike 'fragmentation x 1.25, * 12.55 GiB *FP8 4500*'
        $english[9] | Should -BeLike 'T4: * tokens/s, 0.70 USD/h'
        $german[0] | Should -Be '1,5' -Because 'the culture is in force'
        $turkish[0] | Should -Be '1,5'
        $german[1..12] | Should -BeExactly $english[1..12]
        $turkish[1..12] | Should -BeExactly $english[1..12]
        $invariant[1..12] | Should -BeExactly $english[1..12]
    }

    It 'exports to CSV as PowerShell does: with the user''s decimal comma, which comes back under the same culture only' {
        $lines = Invoke-Fresh de-DE @'
Measure-KvCache Llama-2-7B -SequenceLength 100 | Select-Object ModelName, BytesPerToken, TotalGiB | ConvertTo-Csv
$row = Measure-KvCache Llama-2-7B -SequenceLength 100 | ConvertTo-Csv | ConvertFrom-Csv
[double]::Parse($row.TotalGiB).ToString([cultureinfo]::InvariantCulture)
Measure-KvCache Llama-2-7B -SequenceLength 100 | Select-Object TotalGiB | ConvertTo-Json -Compress
'@
        $lines[0] | Should -BeExactly '"ModelName","BytesPerToken","TotalGiB"'
        $lines[1] | Should -BeExactly '"Llama-2-7B","524288","0,048828125"'
        $lines[2] | Should -BeExactly '0.048828125'
        $lines[3] | Should -BeExactly '{"TotalGiB":0.048828125}' -Because 'JSON is the same everywhere'
    }
}
