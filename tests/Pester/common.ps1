# What the test files share. Each dot-sources this file in a BeforeAll block.

$script:ModuleManifest = [IO.Path]::GetFullPath("$PSScriptRoot/../../LlmOps.psd1")
Import-Module $script:ModuleManifest -ErrorAction Stop

# An empty folder: prices that a user has do not count here, nor are they touched.
$env:LLMOPS_DATA = Join-Path (Get-PSDrive TestDrive).Root 'llmops-data'

# Runs a script block and keeps apart what it wrote: objects, errors, warnings, and the error that ended it.
function Invoke-Recorded {
    param([Parameter(Mandatory, Position = 0)][scriptblock] $Script)

    $ErrorActionPreference = 'Continue'
    $WarningPreference = 'Continue'
    $all = [Collections.Generic.List[object]]::new()
    $terminating = $null
    try {
        & $Script 2>&1 3>&1 | ForEach-Object { $all.Add($_) }
    }
    catch {
        $terminating = $_
    }

    [pscustomobject]@{
        Output      = @($all | Where-Object { $_ -isnot [Management.Automation.ErrorRecord] -and $_ -isnot [Management.Automation.WarningRecord] })
        Errors      = @($all | Where-Object { $_ -is [Management.Automation.ErrorRecord] })
        Warnings    = @($all | Where-Object { $_ -is [Management.Automation.WarningRecord] })
        Terminating = $terminating
    }
}

# Asserts that exactly one error was written, that it did not end the pipeline, and what it says.
function Assert-OneError {
    param($Result, [string] $Id, [string] $Cmdlet, [string] $Category, $Target, [string[]] $Saying)

    $Result.Terminating | Should -BeNullOrEmpty -Because 'the error of one record does not end the pipeline'
    $Result.Errors.Count | Should -Be 1
    $record = $Result.Errors[0]
    $record.FullyQualifiedErrorId | Should -BeExactly "$Id,LlmOps.Commands.${Cmdlet}Command"
    $record.CategoryInfo.Category | Should -Be $Category
    $record.TargetObject | Should -Be $Target
    foreach ($text in $Saying) {
        $record.Exception.Message | Should -BeLike "*$text*"
    }
}

# What Tab offers at the end of a line.
function Get-Completion {
    param([Parameter(Mandatory)][string] $Line)

    $found = [Management.Automation.CommandCompletion]::CompleteInput($Line, $Line.Length, $null)
    @($found.CompletionMatches | ForEach-Object CompletionText)
}

# Text as a console of that width shows it, without colours and in a given culture.
function Get-Rendering {
    param(
        [Parameter(Mandatory)][object[]] $InputObject,
        [Parameter(Mandatory)][int] $Width,
        [switch] $List,
        [string] $Culture = 'en-US')

    $previousCulture = [cultureinfo]::CurrentCulture
    $previousRendering = $PSStyle.OutputRendering
    try {
        [cultureinfo]::CurrentCulture = $Culture
        $PSStyle.OutputRendering = 'PlainText'
        $text = $(if ($List) { $InputObject | Format-List } else { $InputObject | Format-Table }) | Out-String -Width $Width
    }
    finally {
        [cultureinfo]::CurrentCulture = $previousCulture
        $PSStyle.OutputRendering = $previousRendering
    }

    (($text -split '\r?\n').ForEach({ $_.TrimEnd() }) -join "`n").Trim("`n") + "`n"
}

# Starts a script that would run for hours, waits until it is ready (it has written something) and so many seconds more, stops it as
# Ctrl+C does, and says how that went.
function Stop-Running {
    param(
        [Parameter(Mandatory)][string] $Script,
        [scriptblock] $Ready = { $output.Count -gt 0 },
        [double] $AfterSeconds = 0
    )

    $shell = [powershell]::Create()
    try {
        [void] $shell.AddScript("Import-Module '$script:ModuleManifest'; $Script")
        $output = [Management.Automation.PSDataCollection[psobject]]::new()
        $running = $shell.BeginInvoke([Management.Automation.PSDataCollection[psobject]]::new(), $output)
        $wait = [Diagnostics.Stopwatch]::StartNew()
        while (-not (& $Ready) -and -not $running.IsCompleted -and $wait.Elapsed.TotalSeconds -lt 30) {
            Start-Sleep -Milliseconds 5
        }

        Start-Sleep -Seconds $AfterSeconds
        $wasReady = & $Ready
        $wasRunning = -not $running.IsCompleted
        $stopping = [Diagnostics.Stopwatch]::StartNew()
        $shell.Stop()
        [pscustomobject]@{
            WasReady    = $wasReady
            WasRunning  = $wasRunning
            StopSeconds = $stopping.Elapsed.TotalSeconds
            State       = $shell.InvocationStateInfo.State
            Errors      = @($shell.Streams.Error)
        }
    }
    finally {
        $shell.Dispose()
    }
}

# That a run was in the middle of its work, ended in time, and said nothing of it.
function Assert-Stopped {
    param([Parameter(Mandatory, Position = 0)] $Run, [double] $WithinSeconds = 10)

    $Run.WasReady, $Run.WasRunning | Should -Be $true, $true
    $Run.State | Should -Be 'Stopped'
    $Run.StopSeconds | Should -BeLessThan $WithinSeconds
    $Run.Errors | Should -BeNullOrEmpty
}

# An HTTP server on this machine, in a runspace of its own. Answer gets a context and the arguments; requests are seen as it calls
# them with $seen.Enqueue, and one that it adds to $held is never answered.
function Start-HttpServer {
    param([Parameter(Mandatory)][scriptblock] $Answer, [object[]] $ArgumentList = @())

    $probe = [Net.Sockets.TcpListener]::new([Net.IPAddress]::Loopback, 0)
    $probe.Start()
    $port = $probe.LocalEndpoint.Port
    $probe.Stop()
    $listener = [Net.HttpListener]::new()
    $listener.Prefixes.Add("http://127.0.0.1:$port/")
    $listener.Start()
    $seen = [Collections.Concurrent.ConcurrentQueue[string]]::new()
    $shell = [powershell]::Create()
    [void] $shell.AddScript({
        param($listener, $seen, $answer, $arguments)
        $held = [Collections.Generic.List[object]]::new()
        $answer = [scriptblock]::Create($answer)
        while ($listener.IsListening) {
            try { $context = $listener.GetContext() } catch { break }
            & $answer $context @arguments
        }
    }).AddArgument($listener).AddArgument($seen).AddArgument("$Answer").AddArgument($ArgumentList)
    [void] $shell.BeginInvoke()
    [pscustomobject]@{ Address = "http://127.0.0.1:$port"; Seen = $seen; Listener = $listener; Shell = $shell }
}

function Stop-HttpServer {
    param([Parameter(Mandatory, Position = 0)] $Server)

    $Server.Listener.Abort()
    $Server.Shell.Dispose()
}

# The type names that a cmdlet promises.
function Get-PromisedType {
    param([Parameter(Mandatory)][string] $Name)

    @((Get-Command $Name).OutputType.Name)
}

# A small configuration of a model, as JSON; entries override or, where null, remove fields.
function New-ConfigJson {
    param([hashtable] $Change = @{})

    $config = [ordered]@{
        architectures = @('LlamaForCausalLM'); model_type = 'llama'; hidden_size = 64; intermediate_size = 128
        num_hidden_layers = 2; num_attention_heads = 4; num_key_value_heads = 2; vocab_size = 1000
        max_position_embeddings = 512; tie_word_embeddings = $false; torch_dtype = 'float16'
    }
    foreach ($key in $Change.Keys) {
        if ($null -eq $Change[$key]) { $config.Remove($key) } else { $config[$key] = $Change[$key] }
    }

    $config | ConvertTo-Json
}

# The log of a server that starts, as lines: a configuration, and what each worker measured.
function New-ServerLog {
    param(
        [string] $Model = 'meta-llama/Llama-3.1-70B-Instruct',
        [string] $Version = '0.19.1',
        [string[]] $Worker = 'EngineCore',
        [int] $Tensor = 1,
        [int] $Pipeline = 1,
        [long] $Tokens = 361264,
        [long] $Length = 40960)

    $at = 'INFO 04-04 18:13:00'
    "$at [core.py:105] Initializing a V1 LLM engine (v$Version) with config: model='$Model', speculative_config=None, dtype=torch.bfloat16, max_seq_len=$Length, tensor_parallel_size=$Tensor, pipeline_parallel_size=$Pipeline, data_parallel_size=1, quantization=None, enforce_eager=False, kv_cache_dtype=fp8, compilation_config={'mode': <CompilationMode.VLLM_COMPILE: 3>}"
    $index = 0
    foreach ($name in $Worker) {
        $label = $name ? "($name pid=$(100 + $index)) " : ''
        "${label}$at [gpu_model_runner.py:4820] Model loading took $(15 + $index).02 GiB memory and 48.5 seconds"
        "${label}DEBUG 04-04 18:13:10 [gpu_worker.py:297] Memory profiling takes 14.40 seconds. Total non KV cache memory: 10.22GiB; torch peak memory increase: 1.4GiB; non-torch forward increase memory: 0.25GiB; weights memory: 15.02GiB."
        "${label}$at [gpu_worker.py:456] Available KV cache memory: $(50 - $index).31 GiB"
        "${label}$at [gpu_model_runner.py:5757] Graph capturing finished in 25 secs, took 1.18 GiB"
        $index++
    }

    "$at [kv_cache_utils.py:1314] GPU KV cache size: $($Tokens.ToString('N0', [cultureinfo]::InvariantCulture)) tokens"
    "$at [core.py:282] init engine (profile, create kv cache, warmup model) took 50.01 seconds"
}
