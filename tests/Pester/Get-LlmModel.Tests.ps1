BeforeAll {
    . $PSScriptRoot/common.ps1
}

Describe 'Get-LlmModel by name' {
    It 'counts the parameters of <Name> exactly' -ForEach @(
        @{ Name = 'Llama-2-7B'; Count = 6738415616 }
        @{ Name = 'Llama-3.1-8B'; Count = 8030261248 }
        @{ Name = 'Mistral-7B'; Count = 7241732096 }
        @{ Name = 'Mixtral-8x7B'; Count = 46702792704 }
        @{ Name = 'DeepSeek-V3'; Count = 671026419200 }
    ) {
        (Get-LlmModel $Name).ParameterCount | Should -Be $Count
    }

    It 'says what scripts rely on' {
        $model = Get-LlmModel Llama-3.1-8B
        $model.Name | Should -BeExactly 'Llama-3.1-8B'
        $model.Family | Should -BeExactly 'llama'
        $model.ActiveParameterCount | Should -Be $model.ParameterCount
        $model.LayerCount | Should -Be 32
        $model.HiddenSize | Should -Be 4096
        $model.AttentionHeadCount | Should -Be 32
        $model.KeyValueHeadCount | Should -Be 8
        $model.HeadDimension | Should -Be 128
        $model.VocabularySize | Should -Be 128256
        $model.ContextLength | Should -Be 131072
        $model.ExpertCount | Should -Be 0
        $model.KvBytesPerToken | Should -Be (32 * 2 * 8 * 128 * 2)
        $model.Parameters.Total | Should -Be $model.ParameterCount
    }

    It 'counts fewer active parameters for a mixture of experts' {
        $model = Get-LlmModel Mixtral-8x7B
        $model.ExpertCount | Should -Be 8
        $model.ActiveParameterCount | Should -Be (46702792704 - (32 * 6 * 3 * 4096 * 14336)) -Because '6 of 8 experts rest'
    }

    It 'takes <Spelling>' -ForEach @(
        @{ Spelling = 'llama-2-7b' }, @{ Spelling = 'LLAMA_2_7B' }, @{ Spelling = 'meta-llama/Llama-2-7b-hf' }, @{ Spelling = 'Llama-2-7b-hf' }
    ) {
        (Get-LlmModel $Spelling).Name | Should -BeExactly 'Llama-2-7B'
    }

    It 'gives the whole catalogue without a name, and only LlmModel objects' {
        $all = @(Get-LlmModel)
        $all.Count | Should -BeGreaterThan 50
        $all.Name | Should -Contain 'OPT-2.7B'
        ($all | ForEach-Object { $_.GetType().FullName } | Sort-Object -Unique) | Should -BeExactly 'LlmOps.Core.Models.LlmModel'
        Get-PromisedType Get-LlmModel | Should -BeExactly 'LlmOps.Core.Models.LlmModel'
    }

    It 'expands wildcards in the catalogue''s order, and finds nothing without an error' {
        (Get-LlmModel 'Llama-2-*').Name | Should -Be 'Llama-2-7B', 'Llama-2-13B', 'Llama-2-70B'
        (Get-LlmModel 'Llama-?-7B').Name | Should -Be 'Llama-2-7B'
        $result = Invoke-Recorded { Get-LlmModel 'Zz*' }
        $result.Output.Count | Should -Be 0
        $result.Errors.Count | Should -Be 0
    }

    It 'takes names, and the output of itself, from the pipeline' {
        ('Llama-2-7B', 'OPT-*' | Get-LlmModel).Count | Should -BeGreaterThan 5
        (Get-LlmModel Llama-2-7B | Get-LlmModel).ParameterCount | Should -Be 6738415616
    }

    It 'stops early when the rest of the pipeline has enough' {
        (Get-LlmModel | Select-Object -First 1).Name | Should -Not -BeNullOrEmpty
    }
}

Describe 'Get-LlmModel with a wrong name' {
    It 'writes one error with the nearest name, and the others come out' {
        $result = Invoke-Recorded { 'Llama-2-7B', 'Lama-2-13', 'OPT-2.7B' | Get-LlmModel }
        $result.Output.Name | Should -Be 'Llama-2-7B', 'OPT-2.7B'
        Assert-OneError $result ModelNotFound GetLlmModel ObjectNotFound 'Lama-2-13' "'Lama-2-13'", 'Did you mean Llama-2-13B?'
    }

    It 'does so for a list of names too' {
        $result = Invoke-Recorded { Get-LlmModel Llama-2-7B, nosuch, OPT-2.7B }
        $result.Output.Name | Should -Be 'Llama-2-7B', 'OPT-2.7B'
        Assert-OneError $result ModelNotFound GetLlmModel ObjectNotFound nosuch 'lists the'
    }

    It 'suggests nothing where nothing is alike' {
        $result = Invoke-Recorded { Get-LlmModel '完全に違う' }
        Assert-OneError $result ModelNotFound GetLlmModel ObjectNotFound '完全に違う' '完全に違う'
        $result.Errors[0].Exception.Message | Should -Not -BeLike '*Did you mean*'
    }

    It 'is quiet with -ErrorAction SilentlyContinue, and goes on' {
        $result = Invoke-Recorded { 'Llama-2-7B', 'nosuch', 'OPT-2.7B' | Get-LlmModel -ErrorAction SilentlyContinue -ErrorVariable kept; $kept.Count }
        $result.Errors.Count | Should -Be 0
        $result.Output[0..1].Name | Should -Be 'Llama-2-7B', 'OPT-2.7B'
        $result.Output[2] | Should -Be 1
    }

    It 'ends the pipeline with -ErrorAction Stop' {
        $result = Invoke-Recorded { 'Llama-2-7B', 'nosuch', 'OPT-2.7B' | Get-LlmModel -ErrorAction Stop }
        $result.Terminating.FullyQualifiedErrorId | Should -BeExactly 'ModelNotFound,LlmOps.Commands.GetLlmModelCommand'
        $result.Output.Name | Should -Be 'Llama-2-7B'
    }

    It 'refuses an empty name, and one of ten thousand characters' {
        Assert-OneError (Invoke-Recorded { Get-LlmModel '' }) ModelNotFound GetLlmModel ObjectNotFound '' "''"
        $long = 'x' * 10000
        Assert-OneError (Invoke-Recorded { Get-LlmModel $long }) ModelNotFound GetLlmModel ObjectNotFound $long 'No model is named'
    }
}

Describe 'Get-LlmModel from files' {
    BeforeAll {
        $root = Join-Path (Get-PSDrive TestDrive).Root files
        foreach ($folder in 'plain', 'with space', 'with [brackets]', '模型-é-Ω', 'nested/inner') {
            $place = Join-Path $root $folder
            [void] (New-Item -ItemType Directory $place -Force)
            Set-Content -LiteralPath (Join-Path $place config.json) -Value (New-ConfigJson)
        }

        # Embeddings and head 2 x 1000 x 64; two layers of 64 x 64 x 2 (q, o) + 64 x 32 x 2 (k, v) + 3 x 64 x 128 + 2 x 64; norm 64.
        $parameters = (2 * 1000 * 64) + (2 * ((2 * 64 * 64) + (2 * 64 * 32) + (3 * 64 * 128) + (2 * 64))) + 64
    }

    It 'reads -Path to a file and to a folder' {
        (Get-LlmModel -Path "$root/plain/config.json").ParameterCount | Should -Be $parameters
        (Get-LlmModel -Path "$root/plain").ParameterCount | Should -Be $parameters
    }

    It 'names a model after its folder' {
        (Get-LlmModel -Path "$root/plain/config.json").Name | Should -BeExactly 'plain'
    }

    It 'reads -LiteralPath in <Folder>' -ForEach @(
        @{ Folder = 'with space' }, @{ Folder = 'with [brackets]' }, @{ Folder = '模型-é-Ω' }
    ) {
        $model = Get-LlmModel -LiteralPath "$root/$Folder/config.json"
        $model.ParameterCount | Should -Be $parameters
        $model.Name | Should -BeExactly $Folder
        (Get-LlmModel -LiteralPath "$root/$Folder").ParameterCount | Should -Be $parameters
    }

    It 'expands wildcards in -Path' {
        (Get-LlmModel -Path "$root/w*/config.json").Name | Sort-Object | Should -Be 'with [brackets]', 'with space'
        $result = Invoke-Recorded { Get-LlmModel -Path "$root/nothing*/config.json" }
        $result.Output.Count + $result.Errors.Count | Should -Be 0
    }

    It 'reads paths on a PSDrive, relative paths and paths under ~' {
        (Get-LlmModel -Path 'TestDrive:/files/plain').ParameterCount | Should -Be $parameters
        (Get-LlmModel -LiteralPath 'TestDrive:/files/with [brackets]/config.json').ParameterCount | Should -Be $parameters
        (Get-LlmModel -Path 'TestDrive:/files/pl*n').ParameterCount | Should -Be $parameters
        [void] (New-PSDrive -Name Weights -PSProvider FileSystem -Root $root -Scope Script)
        try { (Get-LlmModel -LiteralPath 'Weights:/plain').ParameterCount | Should -Be $parameters } finally { Remove-PSDrive Weights }
        Push-Location -LiteralPath $root
        try { (Get-LlmModel -Path ./plain/config.json).ParameterCount | Should -Be $parameters } finally { Pop-Location }
    }

    It 'takes files from Get-ChildItem, Get-Item and objects with a LiteralPath' {
        $names = (Get-ChildItem -LiteralPath $root -Recurse -Filter config.json | Get-LlmModel).Name
        $names.Count | Should -Be 5
        $names | Should -Contain 'with [brackets]'
        (Get-Item -LiteralPath "$root/with [brackets]" | Get-LlmModel).ParameterCount | Should -Be $parameters
        $rows = "LiteralPath,Owner`n$root/plain,a`n$root/with space/config.json,b" | ConvertFrom-Csv
        ($rows | Get-LlmModel).Name | Should -Be 'plain', 'with space'
    }

    It 'is not led astray by where it stands' {
        Push-Location Env:
        try { (Get-LlmModel -LiteralPath "$root/plain").ParameterCount | Should -Be $parameters } finally { Pop-Location }
    }
}

Describe 'Get-LlmModel with files that are no model' {
    BeforeAll {
        $root = Join-Path (Get-PSDrive TestDrive).Root broken
        [void] (New-Item -ItemType Directory $root)
        function Save([string] $Name, [string] $Text) { [IO.File]::WriteAllText("$root/$Name.json", $Text) }
        Save good (New-ConfigJson)
        Save truncated ((New-ConfigJson).Substring(0, 60))
        Save empty ''
        Save list '[1, 2]'
        Save object '{}'
        Save otherkind '{"model_type": "stable-diffusion", "hidden_size": 4}'
        Save missing (New-ConfigJson @{ hidden_size = $null })
        Save negative (New-ConfigJson @{ num_hidden_layers = -1 })
        Save huge (New-ConfigJson @{ hidden_size = 1152921504606846976 })
        Save text (New-ConfigJson @{ hidden_size = 'wide' })
        Save fraction (New-ConfigJson @{ vocab_size = 0.5 })
        Save hugelayers (New-ConfigJson @{ num_hidden_layers = 2000000000 })
        Save deep (('[' * 10000) + (']' * 10000))
        [IO.File]::WriteAllBytes("$root/binary.json", [byte[]] (0..255))
        [IO.File]::WriteAllBytes("$root/gguf.json", [Text.Encoding]::ASCII.GetBytes('GGUF') + [BitConverter]::GetBytes([int] 3) + [BitConverter]::GetBytes([long]::MaxValue) + [BitConverter]::GetBytes([long] 0))
        $stream = [IO.File]::Create("$root/large.json")
        $stream.SetLength(64MB)
        $stream.Dispose()
    }

    It 'refuses <File>: <Saying>' -ForEach @(
        @{ File = 'truncated'; Saying = 'truncated' }
        @{ File = 'empty'; Saying = 'empty' }
        @{ File = 'list'; Saying = 'object' }
        @{ File = 'object'; Saying = 'model_type' }
        @{ File = 'otherkind'; Saying = 'stable-diffusion'; Id = 'ModelFamilyNotSupported' }
        @{ File = 'missing'; Saying = "'hidden_size' is missing" }
        @{ File = 'negative'; Saying = "'num_hidden_layers' is -1" }
        @{ File = 'huge'; Saying = "'hidden_size' is 1152921504606846976" }
        @{ File = 'text'; Saying = 'wide' }
        @{ File = 'fraction'; Saying = "'vocab_size' is 0.5" }
        @{ File = 'hugelayers'; Saying = "'num_hidden_layers' is 2000000000" }
        @{ File = 'deep'; Saying = 'not valid JSON' }
        @{ File = 'binary'; Saying = 'not valid JSON' }
        @{ File = 'gguf'; Saying = '9223372036854775807 tensors'; Id = 'ModelFileInvalid'; Category = 'InvalidData' }
        @{ File = 'large'; Saying = 'larger than' }
    ) {
        $path = "$root/$File.json"
        $result = Invoke-Recorded { Get-LlmModel -LiteralPath "$root/good.json", $path, "$root/good.json" }
        $result.Output.Count | Should -Be 2
        $result.Terminating | Should -BeNullOrEmpty
        $result.Errors.Count | Should -Be 1
        $result.Errors[0].FullyQualifiedErrorId | Should -BeExactly "$($Id ?? 'ModelConfigInvalid'),LlmOps.Commands.GetLlmModelCommand"
        $result.Errors[0].CategoryInfo.Category | Should -Be $($Category ?? ($Id ? 'NotImplemented' : 'InvalidData'))
        $result.Errors[0].TargetObject | Should -Not -BeNullOrEmpty
        $result.Errors[0].Exception.Message | Should -BeLike "*$Saying*"
        $result.Errors[0].Exception.Message | Should -BeLike "*$File.json*"
    }

    It 'goes on with the good files of a folder that has bad ones' {
        $result = Invoke-Recorded { Get-ChildItem -LiteralPath $root | Get-LlmModel }
        $result.Output.Count | Should -Be 1
        $result.Errors.Count | Should -Be 15
        $result.Terminating | Should -BeNullOrEmpty
    }

    It 'says that a file does not exist' {
        Assert-OneError (Invoke-Recorded { Get-LlmModel -LiteralPath "$root/none.json" }) ModelFileNotFound GetLlmModel ObjectNotFound "$root/none.json" 'none.json'
        Assert-OneError (Invoke-Recorded { Get-LlmModel -Path "$root/none.json" }) ModelFileNotFound GetLlmModel ObjectNotFound "$root/none.json" 'none.json'
        Assert-OneError (Invoke-Recorded { Get-LlmModel -Path $root }) ModelFileNotFound GetLlmModel ObjectNotFound $root 'config.json'
    }

    It 'says so for a drive or a provider that does not exist, and goes on' {
        $result = Invoke-Recorded { Get-LlmModel -LiteralPath 'nodrive:/x', "$root/good.json" }
        $result.Output.Count | Should -Be 1
        Assert-OneError $result ModelFileNotFound GetLlmModel ObjectNotFound 'nodrive:/x' "'nodrive:/x'", 'nodrive'
        Assert-OneError (Invoke-Recorded { Get-LlmModel -Path 'nodrive:/x' }) ModelFileNotFound GetLlmModel ObjectNotFound 'nodrive:/x' 'nodrive'
        Assert-OneError (Invoke-Recorded { Get-LlmModel -LiteralPath 'No::where' }) ModelFileNotFound GetLlmModel ObjectNotFound 'No::where' 'No'
    }

    It 'refuses a path of another provider, and goes on' {
        $result = Invoke-Recorded { Get-LlmModel -LiteralPath 'Env:PATH', "$root/good.json" }
        $result.Output.Count | Should -Be 1
        Assert-OneError $result PathNotInFileSystem GetLlmModel InvalidArgument 'Env:PATH' "'Env:PATH'", 'file system'
        Assert-OneError (Invoke-Recorded { Get-LlmModel -Path 'Env:PATH' }) PathNotInFileSystem GetLlmModel InvalidArgument 'Env:PATH' "'Env:PATH'"
    }

    It 'takes brackets literally only in -LiteralPath' {
        [void] (New-Item -ItemType Directory "$root/a[1]")
        [IO.File]::WriteAllText("$root/a[1]/config.json", (New-ConfigJson))
        (Get-LlmModel -LiteralPath "$root/a[1]").Name | Should -BeExactly 'a[1]'
        @(Get-LlmModel -Path "$root/a[1]").Count | Should -Be 0
    }
}

Describe 'Get-LlmModel from weight files' {
    BeforeAll {
        $root = Join-Path (Get-PSDrive TestDrive).Root weights
        foreach ($folder in 'a/good', 'b/broken', 'c/gguf', 'd/sharded') { [void] (New-Item -ItemType Directory "$root/$folder" -Force) }

        # A GGUF file without tensors, whose metadata says all.
        function Save-Gguf([string] $Path, [hashtable] $Numbers, [string] $Architecture = 'llama') {
            $writer = [IO.BinaryWriter]::new([IO.File]::Create($Path))
            $text = { param($s) $b = [Text.Encoding]::UTF8.GetBytes($s); $writer.Write([ulong] $b.Length); $writer.Write([byte[]] $b) }
            $writer.Write([Text.Encoding]::ASCII.GetBytes('GGUF')); $writer.Write([uint] 3); $writer.Write([ulong] 0)
            $writer.Write([ulong] ($Numbers.Count + 1))
            & $text 'general.architecture'; $writer.Write([uint] 8); & $text $Architecture
            foreach ($key in $Numbers.Keys) { & $text $key; $writer.Write([uint] 4); $writer.Write([uint] $Numbers[$key]) }
            $writer.Dispose()
        }

        function Save-Safetensors([string] $Path, [string] $Json, [int] $DataLength) {
            $bytes = [Text.Encoding]::UTF8.GetBytes($Json)
            [IO.File]::WriteAllBytes($Path, [BitConverter]::GetBytes([long] $bytes.Length) + $bytes + [byte[]]::new($DataLength))
        }

        $numbers = @{
            'llama.block_count' = 2; 'llama.context_length' = 512; 'llama.embedding_length' = 64; 'llama.feed_forward_length' = 128
            'llama.attention.head_count' = 4; 'llama.attention.head_count_kv' = 2; 'llama.vocab_size' = 2000
        }
        Set-Content "$root/a/good/config.json" (New-ConfigJson)
        Set-Content "$root/b/broken/config.json" (New-ConfigJson).Substring(0, 60)
        Save-Gguf "$root/c/gguf/Small.gguf" $numbers
        Save-Gguf "$root/c/gguf/unknown.gguf" @{} 'gramma2'
        [IO.File]::WriteAllBytes("$root/c/gguf/cut.gguf", [IO.File]::ReadAllBytes("$root/c/gguf/Small.gguf")[0..99])
        [IO.File]::WriteAllBytes("$root/c/gguf/empty.gguf", @())
        Set-Content "$root/d/sharded/config.json" (New-ConfigJson)
        Save-Safetensors "$root/d/sharded/model.safetensors" '{"model.embed_tokens.weight":{"dtype":"U8","shape":[10],"data_offsets":[0,10]}}' 10

        # As counted above: embeddings and head 2 x 64 each word, two layers, the last norm.
        $layers = (2 * ((2 * 64 * 64) + (2 * 64 * 32) + (3 * 64 * 128) + (2 * 64))) + 64
    }

    It 'sorts a mixed tree, with one error for each broken file' {
        $result = Invoke-Recorded { Get-ChildItem -LiteralPath $root -Recurse -Include config.json, *.gguf | Get-LlmModel | Sort-Object ParameterCount }
        $result.Terminating | Should -BeNullOrEmpty
        $result.Output.ParameterCount | Should -Be 10, ((2 * 64 * 1000) + $layers), ((2 * 64 * 2000) + $layers)
        $result.Output.Name | Should -Be 'sharded', 'good', 'Small'
        $result.Errors.Count | Should -Be 4
        ($result.Errors.Exception.Message | ForEach-Object { [regex]::Match($_, 'broken.config|unknown|cut|empty').Value } | Sort-Object) -replace '\W', '/' |
            Should -Be 'broken/config', 'cut', 'empty', 'unknown'
    }

    It 'reads a GGUF file by -Path, wildcard and folder' {
        [void] (New-Item -ItemType Directory "$root/e")
        Copy-Item "$root/c/gguf/Small.gguf" "$root/e/Small.gguf"
        foreach ($path in "$root/e/Small.gguf", "$root/e/*.gguf", "$root/e") {
            $model = Get-LlmModel -Path $path -WarningAction SilentlyContinue
            $model.Name | Should -BeExactly 'Small'
            $model.FileBytes | Should -Be (Get-Item "$root/e/Small.gguf").Length
        }
    }

    It 'writes each note as a warning' {
        $result = Invoke-Recorded { Get-LlmModel -LiteralPath "$root/d/sharded" }
        $result.Output[0].Notes.Count | Should -Be $result.Warnings.Count
        $result.Warnings[0].Message | Should -BeLike 'sharded: The files hold 10 parameters, but the configuration describes*'
    }

    It 'names the nearest architecture' {
        Assert-OneError (Invoke-Recorded { Get-LlmModel -LiteralPath "$root/c/gguf/unknown.gguf" }) ModelFamilyNotSupported GetLlmModel NotImplemented 'gramma2' "'gramma2'", "'gemma2'"
    }

    It 'refuses weights without a configuration' {
        [void] (New-Item -ItemType Directory "$root/f")
        Copy-Item "$root/d/sharded/model.safetensors" "$root/f"
        Assert-OneError (Invoke-Recorded { Get-LlmModel -LiteralPath "$root/f/model.safetensors" }) ModelFileNotSupported GetLlmModel NotImplemented "$root/f/model.safetensors" 'a config.json must lie beside them'
    }
}

Describe 'Get-LlmModel completion' {
    It 'completes <Line>' -ForEach @(
        @{ Line = 'Get-LlmModel Llama-2-'; Expected = 'Llama-2-7B', 'Llama-2-13B', 'Llama-2-70B' }
        @{ Line = 'Get-LlmModel llama-2-'; Expected = 'Llama-2-7B', 'Llama-2-13B', 'Llama-2-70B' }
        @{ Line = "Get-LlmModel 'Llama-2-"; Expected = 'Llama-2-7B', 'Llama-2-13B', 'Llama-2-70B' }
        @{ Line = 'Get-LlmModel -Name "Llama-2-'; Expected = 'Llama-2-7B', 'Llama-2-13B', 'Llama-2-70B' }
        @{ Line = 'Get-LlmModel OPT-125M, Llama-2-'; Expected = 'Llama-2-7B', 'Llama-2-13B', 'Llama-2-70B' }
    ) {
        Get-Completion $Line | Should -Be $Expected
    }

    It 'completes repository ids once a slash is typed' {
        Get-Completion 'Get-LlmModel meta-llama/Llama-2-7b' | Should -Be "'meta-llama/Llama-2-7b-hf'"
    }

    It 'completes paths' {
        [void] (New-Item TestDrive:/complete -ItemType Directory)
        Set-Content TestDrive:/complete/config.json '{}'
        foreach ($parameter in 'Path', 'LiteralPath') {
            Get-Completion "Get-LlmModel -$parameter TestDrive:/complete/con" | Should -BeLike '*config.json'
        }
    }
}
