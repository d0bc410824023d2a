BeforeAll {
    . $PSScriptRoot/common.ps1

    # The weights that New-ConfigJson describes: a header, and as many bytes as it claims.
    function New-Weights {
        $tensors = [ordered]@{ 'model.embed_tokens.weight' = 1000, 64; 'model.norm.weight' = , 64; 'lm_head.weight' = 1000, 64 }
        foreach ($layer in 0, 1) {
            foreach ($part in @(
                    @('self_attn.q_proj', 64, 64), @('self_attn.k_proj', 32, 64), @('self_attn.v_proj', 32, 64)
                    @('self_attn.o_proj', 64, 64), @('mlp.gate_proj', 128, 64), @('mlp.up_proj', 128, 64)
                    @('mlp.down_proj', 64, 128), @('input_layernorm', 64), @('post_attention_layernorm', 64))) {
                $tensors["model.layers.$layer.$($part[0]).weight"] = $part[1..9]
            }
        }

        $offset = 0
        $entries = foreach ($name in $tensors.Keys) {
            $size = 2
            $tensors[$name].ForEach{ $size *= $_ }
            '"{0}":{{"dtype":"F16","shape":[{1}],"data_offsets":[{2},{3}]}}' -f $name, ($tensors[$name] -join ','), $offset, ($offset + $size)
            $offset += $size
        }

        $header = [Text.Encoding]::ASCII.GetBytes("{$($entries -join ',')}")
        , ([BitConverter]::GetBytes([long] $header.Length) + $header + [byte[]]::new($offset))
    }

    # Three repositories, of which one is gated and one never answers.
    $hub = Start-HttpServer -ArgumentList (New-ConfigJson), (New-Weights) -Answer {
        param($context, [string] $config, [byte[]] $header)
        $commit = 'a' * 40
        $path = $context.Request.Url.AbsolutePath
        $seen.Enqueue("$path $($context.Request.Headers['Authorization'])".Trim())
        $response = $context.Response
        $body = [byte[]]::new(0)
        if ($path -like '/org/silent/resolve/*') { $held.Add($context); return }
        elseif ($path -like '/api/models/org/gated/*') { $response.StatusCode = 403; $response.Headers['X-Error-Code'] = 'GatedRepo' }
        elseif ($path -match '^/api/models/org/(good|silent)/revision/(main|v1)$') {
            $body = [Text.Encoding]::UTF8.GetBytes("{`"sha`": `"$commit`", `"siblings`": [{`"rfilename`": `"config.json`"}, {`"rfilename`": `"model.safetensors`"}]}")
        }
        elseif ($path -eq "/org/good/resolve/$commit/config.json") { $body = [Text.Encoding]::UTF8.GetBytes($config) }
        elseif ($path -eq "/org/good/resolve/$commit/model.safetensors") {
            $last = [Math]::Min([long] ($context.Request.Headers['Range'] -replace '^bytes=\d+-'), $header.Length - 1)
            $body = $header[0..$last]
            $response.StatusCode = 206
            $response.Headers['Content-Range'] = "bytes 0-$last/$($header.Length)"
        }
        else { $response.StatusCode = 404 }
        try { $response.Close($body, $false) } catch { }
    }

    $kept = @{}
    foreach ($name in 'LLMOPS_CACHE', 'HF_ENDPOINT', 'HF_TOKEN', 'HF_HUB_OFFLINE', 'LLMOPS_OFFLINE') {
        $kept[$name] = [Environment]::GetEnvironmentVariable($name)
        [Environment]::SetEnvironmentVariable($name, $null)
    }
    $env:LLMOPS_CACHE = Join-Path (Get-PSDrive TestDrive).Root cache
    $env:HF_ENDPOINT = $hub.Address
}

AfterAll {
    foreach ($name in $kept.Keys) { [Environment]::SetEnvironmentVariable($name, $kept[$name]) }
    Stop-HttpServer $hub
}

Describe 'Get-LlmModel from a hub' {
    It 'reads a repository, once' {
        $model = Get-LlmModel -Repository org/good
        $model | Should -BeOfType LlmOps.Core.Models.LlmModel
        $model.Name | Should -BeExactly 'good'
        $model.Repository | Should -BeExactly 'org/good'
        $model.Source | Should -BeExactly "$($hub.Address)/org/good@$('a' * 40)"
        $model.ParameterCount | Should -Be (Get-LlmModel -LiteralPath $(
            Set-Content TestDrive:/config.json (New-ConfigJson)
            'TestDrive:/config.json')).ParameterCount
        $requests = $hub.Seen.Count
        (Get-LlmModel -Repository org/good).ParameterCount | Should -Be $model.ParameterCount
        (Get-LlmModel -Repository org/good -Offline).ParameterCount | Should -Be $model.ParameterCount
        $hub.Seen.Count | Should -Be $requests
    }

    It 'takes another endpoint, a revision and patience' {
        $env:HF_ENDPOINT = 'http://127.0.0.1:9'
        try { (Get-LlmModel -Repository org/good -Revision v1 -Endpoint $hub.Address -TimeoutSeconds 5).Name | Should -Be 'good' }
        finally { $env:HF_ENDPOINT = $hub.Address }
    }

    It 'takes repositories from the pipeline by property name, and passes models on' {
        $rows = "Repository,Revision`norg/good,main`norg/good,v1" | ConvertFrom-Csv
        @($rows | Get-LlmModel).Name | Should -Be 'good', 'good'
        $requests = $hub.Seen.Count
        (Get-LlmModel Llama-2-7B | Get-LlmModel).Name | Should -BeExactly 'Llama-2-7B'
        (Get-LlmModel Llama-2-7B | Get-LlmModel -Model { $_ }).Repository | Should -Not -BeNullOrEmpty
        $hub.Seen.Count | Should -Be $requests
    }

    It 'feeds the other cmdlets' {
        (Get-LlmModel -Repository org/good | Measure-KvCache -SequenceLength 16).BytesPerToken | Should -Be (2 * 2 * 2 * 16 * 2)
    }

    It 'sends a token, as text or as a secure string' {
        foreach ($token in 'hf_one', (ConvertTo-SecureString hf_two -AsPlainText -Force)) {
            Invoke-Recorded { Get-LlmModel -Repository org/gated -Token $token } | Out-Null
        }
        $hub.Seen.Where({ $_ -like '*/org/gated/*' }) | Should -Be @(
            '/api/models/org/gated/revision/main Bearer hf_one', '/api/models/org/gated/revision/main Bearer hf_two')
    }

    It 'goes on after repositories that cannot be had, each with an error of its own' {
        $result = Invoke-Recorded { Get-LlmModel -Repository org/good, org/none, org/gated, nonsense, org/good }
        $result.Output.Name | Should -Be 'good', 'good'
        $result.Terminating | Should -BeNullOrEmpty
        $result.Errors.FullyQualifiedErrorId | Should -Be @(
            'HubNotFound,LlmOps.Commands.GetLlmModelCommand'
            'HubUnauthorized,LlmOps.Commands.GetLlmModelCommand'
            'HubRepositoryInvalid,LlmOps.Commands.GetLlmModelCommand')
        $result.Errors.CategoryInfo.Category | Should -Be 'ObjectNotFound', 'PermissionDenied', 'InvalidArgument'
        $result.Errors.TargetObject | Should -Be 'org/none', 'org/gated', 'nonsense'
        $result.Errors[1].Exception.Message | Should -BeLike '*gated*-Token*'
    }

    It 'names the repository that was probably meant' {
        $result = Invoke-Recorded { Get-LlmModel -Repository meta-lama/Llama-2-7b-hf }
        Assert-OneError $result HubNotFound GetLlmModel ObjectNotFound meta-lama/Llama-2-7b-hf 'Did you mean meta-llama/Llama-2-7b-hf?'
    }

    It 'refuses <Parameter> <Value> as an error of the record' -ForEach @(
        @{ Parameter = 'Endpoint'; Value = 'not an address'; Id = 'HubEndpointInvalid' }
        @{ Parameter = 'Revision'; Value = '../..'; Id = 'HubRevisionInvalid' }
        @{ Parameter = 'TimeoutSeconds'; Value = -1; Id = 'ValueOutOfRange' }
        @{ Parameter = 'Token'; Value = 'two words'; Id = 'HubTokenInvalid' }
    ) {
        $given = @{ $Parameter = $Value }
        $result = Invoke-Recorded { Get-LlmModel -Repository org/good @given }
        $result.Errors.FullyQualifiedErrorId | Should -Be "$Id,LlmOps.Commands.GetLlmModelCommand"
        $result.Terminating | Should -BeNullOrEmpty
    }

    It 'says that it is offline' {
        $result = Invoke-Recorded { Get-LlmModel -Repository org/other -Offline }
        Assert-OneError $result HubOffline GetLlmModel ResourceUnavailable org/other 'Offline'
        $env:HF_HUB_OFFLINE = '1'
        try { Assert-OneError (Invoke-Recorded { Get-LlmModel -Repository org/other }) HubOffline GetLlmModel ResourceUnavailable org/other 'Offline' }
        finally { $env:HF_HUB_OFFLINE = $null }
    }

    It 'gives up a hub that does not answer' {
        $result = Invoke-Recorded { Get-LlmModel -Repository org/silent, org/good -TimeoutSeconds 0.5 }
        Assert-OneError $result HubTimeout GetLlmModel OperationTimeout org/silent 'no progress'
        $result.Output.Name | Should -Be 'good'
    }

    It 'ends within a second when it is stopped' {
        $asked = @($hub.Seen -like '/org/silent/resolve/*').Count
        $stopped = Stop-Running 'Get-LlmModel -Repository org/silent -TimeoutSeconds 300' -Ready {
            @($hub.Seen -like '/org/silent/resolve/*').Count -gt $asked
        }
        Assert-Stopped $stopped -WithinSeconds 1
    }

    It 'shows progress while it waits, and takes it away' {
        $shell = [powershell]::Create()
        try {
            [void] $shell.AddScript("Import-Module '$ModuleManifest'; Get-LlmModel -Repository org/silent -TimeoutSeconds 1 -ErrorAction SilentlyContinue")
            [void] $shell.Invoke()
            $records = $shell.Streams.Progress
            $records[0].Activity | Should -Be 'Reading org/silent'
            $records.StatusDescription | Should -Contain '0/1 files'
            $records[-1].RecordType | Should -Be 'Completed'
        }
        finally { $shell.Dispose() }
    }

    It 'asks this machine without the proxy of the environment' {
        $script = "`$env:http_proxy = 'http://127.0.0.1:9'; `$env:LLMOPS_CACHE = '$env:LLMOPS_CACHE-2'; Import-Module '$ModuleManifest'; (Get-LlmModel -Repository org/good).Name"
        & ([Environment]::ProcessPath) -NoProfile -NonInteractive -Command $script | Should -Be 'good'
    }

    It 'completes repositories' {
        Get-Completion 'Get-LlmModel -Repository meta-llama/Llama-2-7b' | Should -Be "'meta-llama/Llama-2-7b-hf'"
    }
}
