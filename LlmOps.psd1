@{
    RootModule           = 'bin/LlmOps.dll'
    ModuleVersion        = '0.1.0'
    GUID                 = '6c0c7f0e-5d0b-4b7a-9a55-0f3f1c8f7d21'
    Author               = 'The LlmOps contributors'
    CompanyName          = 'Community'
    Copyright            = 'Copyright (c) 2026 The LlmOps contributors. MIT License.'
    Description          = 'What a large language model needs, what it costs, and on which GPU instance it runs best: typed objects with their sources.'
    PowerShellVersion    = '7.4'
    CompatiblePSEditions = @('Core')

    # Loaded with the module, so that the types of the core can be named straight after the import.
    RequiredAssemblies   = @('bin/LlmOps.Core.dll')
    FormatsToProcess     = @('bin/LlmOps.Format.ps1xml')

    CmdletsToExport      = @(
        'Compare-LlmMemoryEstimate'
        'Compare-LlmQuantization'
        'Find-GpuFleet'
        'Find-LlmConfiguration'
        'Find-LlmParallelism'
        'Find-OptimalGpuInstance'
        'Get-Gpu'
        'Get-GpuInstance'
        'Get-LlmMemoryEstimate'
        'Get-LlmModel'
        'Get-LlmPerformanceEstimate'
        'Import-LlmServerLog'
        'Measure-KvCache'
        'New-LlmCalibration'
        'New-MemoryEstimationParameter'
        'Update-GpuInstancePrice'
    )
    FunctionsToExport    = @()
    AliasesToExport      = @()
    VariablesToExport    = @()

    PrivateData          = @{
        PSData = @{
            Tags       = @('LLM', 'GPU', 'Inference', 'vLLM', 'Capacity', 'Cost', 'KVCache', 'MLOps')
            LicenseUri = 'https://opensource.org/license/mit'
        }
    }
}
