BeforeAll {
    . $PSScriptRoot/common.ps1

    # Azure's price list. What it answers depends on the path of the endpoint.
    $list = Start-HttpServer -Answer {
        param($context)
        function Get-Item([string] $instance, [string] $region, [string] $price, [string] $sku) {
            '{"currencyCode":"USD","tierMinimumUnits":0.0,"retailPrice":' + $price + ',"armRegionName":"' + $region + '","effectiveStartDate":"2024-03-01T00:00:00Z","meterName":"' + $sku + '","productName":"Virtual Machines Series","skuName":"' + $sku + '","serviceName":"Virtual Machines","unitOfMeasure":"1 Hour","type":"Consumption","isPrimaryMeterRegion":true,"armSkuName":"' + $instance + '"}'
        }

        $url = $context.Request.Url
        $query = [Uri]::UnescapeDataString($url.Query)
        $seen.Enqueue("$($url.AbsolutePath) $query")
        if ($url.AbsolutePath -eq '/silent') { $held.Add($context); return }
        $items = @()
        $next = 'null'
        if ($query -match "armSkuName eq 'Standard_NC4as_T4_v3'") {
            if ($query -match 'skip=1') { $items = @(Get-Item Standard_NC4as_T4_v3 westeurope 0.61 'NC4as T4 v3') }
            else {
                $items = @(
                    Get-Item Standard_NC4as_T4_v3 eastus 0.55 'NC4as T4 v3'
                    Get-Item Standard_NC4as_T4_v3 eastus 0.06 'NC4as T4 v3 Spot'
                    Get-Item Standard_NC4as_T4_v3 eastus 9.99 'NC4as T4 v3 Low Priority')
                if ($url.AbsolutePath -eq '/bad') { $items += Get-Item Standard_NC4as_T4_v3 westus 0 'NC4as T4 v3' }
                else { $next = "`"http://127.0.0.1:$($url.Port)$($url.AbsolutePath)?skip=1&armSkuName eq 'Standard_NC4as_T4_v3'`"" }
                if ($url.AbsolutePath -eq '/elsewhere') { $next = '"https://prices.example.com/"' }
            }
        }

        $body = [Text.Encoding]::UTF8.GetBytes('{"BillingCurrency":"USD","Items":[' + ($items -join ',') + '],"NextPageLink":' + $next + ',"Count":' + $items.Count + '}')
        $context.Response.ContentType = 'application/json; charset=utf-8'
        try { $context.Response.Close($body, $false) } catch { }
    }

    $root = (Get-PSDrive TestDrive).Root
    $header = 'InstanceType,AcceleratorName,AcceleratorCount,vCPUs,MemoryGiB,Price,Region,GpuInfo,SpotPrice'
    function New-PriceFile([string] $Name, [string[]] $Row) {
        $path = Join-Path $root $Name
        Set-Content $path (@($header) + $Row)
        $path
    }

    function Get-Price([string] $Region = 'us-east-1', [string] $Name = 'g5.xlarge') {
        (Get-GpuInstance $Name -Region $Region -WarningAction Ignore).UsdPerHour
    }
}

AfterAll {
    Stop-HttpServer $list
}

Describe 'Update-GpuInstancePrice from the price list' {
    # Each test has a data folder of its own.
    BeforeEach { $env:LLMOPS_DATA = Join-Path $root "data-$([guid]::NewGuid().ToString('N'))" }

    It 'reads all pages, and the catalogue uses what it read' {
        $result = Invoke-Recorded { Update-GpuInstancePrice -Provider azure -Endpoint "$($list.Address)/good" }
        $result.Errors | Should -BeNullOrEmpty
        $result.Output | ForEach-Object { $_ | Should -BeOfType LlmOps.Core.Hardware.GpuInstancePriceChange }
        $result.Output.ForEach{ "$($_.Provider) $($_.Instance) $($_.Region) $($_.Spot) $($_.OldUsdPerHour) $($_.NewUsdPerHour)" } | Should -Be @(
            'Azure Standard_NC4as_T4_v3 eastus False 0.526 0.55'
            'Azure Standard_NC4as_T4_v3 eastus True 0.062699 0.06'
            'Azure Standard_NC4as_T4_v3 westeurope False  0.61')
        $result.Output[0].Date | Should -Be ([DateOnly]::FromDateTime([datetime]::UtcNow))
        $result.Output[0].Source | Should -Be "Azure Retail Prices API, $($list.Address)/good"
        $result.Warnings.Message | Should -BeLike '*no price of Standard_NC12s_v3*'

        $instance = Get-GpuInstance Standard_NC4as_T4_v3 -Region eastus
        $instance.UsdPerHour, $instance.SpotUsdPerHour, $instance.PriceAgeDays | Should -Be 0.55, 0.06, 0
        $instance.PriceDate, $instance.SpotPriceDate | Should -Be $result.Output[0].Date, $result.Output[0].Date
        Get-Price westeurope Standard_NC4as_T4_v3 | Should -Be 0.61
        $found = Find-OptimalGpuInstance OPT-2.7B -Instance Standard_NC4as_T4_v3 -Region westeurope
        $found.UsdPerHour, $found.PriceAgeDays | Should -Be 0.61, 0
    }

    It 'asks for a region alone' {
        $result = Invoke-Recorded { Update-GpuInstancePrice Azure -Region eastus -Endpoint "$($list.Address)/region" }
        $result.Output.Region | Sort-Object -Unique | Should -Be 'eastus'
        @($list.Seen -like '/region*')[0] | Should -BeLike "*serviceName eq 'Virtual Machines'*priceType eq 'Consumption'*armRegionName eq 'eastus'*"
    }

    It 'leaves out one bad row, and goes on with the others' {
        $result = Invoke-Recorded { Update-GpuInstancePrice Azure -Endpoint "$($list.Address)/bad" }
        $result.Output.Count | Should -Be 2
        Assert-OneError $result PriceRowInvalid UpdateGpuInstancePrice InvalidData '0' 'Standard_NC4as_T4_v3', 'westus is 0'
    }

    It 'changes nothing where a part of the list is refused' {
        $result = Invoke-Recorded { Update-GpuInstancePrice Azure -Endpoint "$($list.Address)/elsewhere" }
        Assert-OneError $result PriceFeedInvalid UpdateGpuInstancePrice InvalidData 'the price of Standard_NC4as_T4_v3' 'elsewhere'
        $result.Output | Should -BeNullOrEmpty
        $env:LLMOPS_DATA | Should -Not -Exist
    }

    It 'refuses <Name>' -ForEach @(
        @{ Name = 'a provider without a list'; Given = @{ Provider = 'GCP' }; Id = 'PriceFeedNotKnown'; Category = 'NotImplemented' }
        @{ Name = 'an unknown provider'; Given = @{ Provider = 'Azurre' }; Id = 'ProviderNotFound'; Category = 'ObjectNotFound' }
        @{ Name = 'a pattern of providers'; Given = @{ Provider = 'A*' }; Id = 'ProviderNotFound'; Category = 'ObjectNotFound' }
        @{ Name = 'an endpoint that is none'; Given = @{ Provider = 'Azure'; Endpoint = 'here' }; Id = 'PriceEndpointInvalid'; Category = 'InvalidArgument' }
        @{ Name = 'a negative patience'; Given = @{ Provider = 'Azure'; TimeoutSeconds = -1 }; Id = 'ValueOutOfRange'; Category = 'InvalidArgument' }
        @{ Name = 'an endpoint where nobody is'; Given = @{ Provider = 'Azure'; Endpoint = 'http://127.0.0.1:9/'; TimeoutSeconds = 1 }; Id = 'PriceFeedUnreachable'; Category = 'ResourceUnavailable' }
    ) {
        $result = Invoke-Recorded { Update-GpuInstancePrice @Given }
        $result.Terminating | Should -BeNullOrEmpty
        $result.Output | Should -BeNullOrEmpty
        $result.Errors.FullyQualifiedErrorId | Should -BeExactly "$Id,LlmOps.Commands.UpdateGpuInstancePriceCommand"
        $result.Errors.CategoryInfo.Category | Should -Be $Category
    }

    It 'gives up a list that does not answer' {
        $result = Invoke-Recorded { Update-GpuInstancePrice Azure -Endpoint "$($list.Address)/silent" -TimeoutSeconds 0.3 }
        Assert-OneError $result PriceFeedTimeout UpdateGpuInstancePrice OperationTimeout 'the price of Standard_NC12s_v3' 'no progress', '-TimeoutSeconds'
    }

    It 'ends within a second when it is stopped, and changes nothing' {
        $asked = @($list.Seen -like '/silent*').Count
        $stopped = Stop-Running "Update-GpuInstancePrice Azure -Endpoint '$($list.Address)/silent' -TimeoutSeconds 300" -Ready {
            @($list.Seen -like '/silent*').Count -gt $asked
        }
        Assert-Stopped $stopped -WithinSeconds 1
        $env:LLMOPS_DATA | Should -Not -Exist
    }

    It 'shows progress while it waits, and takes it away' {
        $shell = [powershell]::Create()
        try {
            [void] $shell.AddScript("Import-Module '$ModuleManifest'; Update-GpuInstancePrice Azure -Endpoint '$($list.Address)/silent' -TimeoutSeconds 1 -ErrorAction SilentlyContinue")
            [void] $shell.Invoke()
            $records = $shell.Streams.Progress
            $records[0].Activity | Should -BeLike 'Reading prices from 127.0.0.1:*'
            $records.StatusDescription | Should -Contain '0/20 machines'
            $records[-1].RecordType | Should -Be 'Completed'
        }
        finally { $shell.Dispose() }
    }
}

Describe 'Update-GpuInstancePrice from a file' {
    # Each test has a data folder of its own.
    BeforeEach { $env:LLMOPS_DATA = Join-Path $root "data-$([guid]::NewGuid().ToString('N'))" }

    It 'takes files from Get-ChildItem' {
        [void] (New-Item -ItemType Directory "$root/files")
        [void] (New-PriceFile files/one.csv 'g5.xlarge,A10G,1,4,16,1.1,us-east-1,x,0.5')
        [void] (New-PriceFile files/two.csv 'g5.xlarge,A10G,1,4,16,1.2,us-west-2,x,')
        $result = Invoke-Recorded { Get-ChildItem "$root/files" -Filter *.csv | Update-GpuInstancePrice AWS -Date 2026-02-01 }
        $result.Errors | Should -BeNullOrEmpty
        $result.Output.ForEach{ "$($_.Region) $($_.Spot) $($_.NewUsdPerHour)" } | Should -Be 'us-east-1 False 1.1', 'us-east-1 True 0.5', 'us-west-2 False 1.2'
        $result.Output.Date.ForEach{ $_.ToString('yyyy-MM-dd') } | Sort-Object -Unique | Should -Be '2026-02-01'
        Get-Price | Should -Be 1.1
        Get-Price us-west-2 | Should -Be 1.2
        @(Get-ChildItem $env:LLMOPS_DATA -Filter prices*.json).Count | Should -Be 2 -Because 'the older file is kept'
    }

    It 'takes wildcards and PowerShell paths' {
        [void] (New-PriceFile 'wild-1.csv' 'g5.xlarge,A10G,1,4,16,1.3,us-east-1,x,')
        (Update-GpuInstancePrice AWS -Path 'TestDrive:/wild-?.csv' -Date 2026-02-01).NewUsdPerHour | Should -Be 1.3
        # Set-Content would take the name for a pattern.
        [IO.File]::WriteAllText("$root/odd[1].csv", "$header`ng5.xlarge,A10G,1,4,16,1.4,us-east-1,x,`n")
        (Update-GpuInstancePrice AWS -LiteralPath 'TestDrive:/odd[1].csv' -Date 2026-02-01).NewUsdPerHour | Should -Be 1.4
    }

    It 'dates the prices by the last change of the file' {
        $file = New-PriceFile dated.csv 'g5.xlarge,A10G,1,4,16,1.1,us-east-1,x,'
        (Get-Item $file).LastWriteTimeUtc = [datetime]::new(2026, 2, 3, 4, 5, 6)
        (Update-GpuInstancePrice AWS -Path $file).Date | Should -Be ([DateOnly]::new(2026, 2, 3))
    }

    It 'writes one error for one bad row among good ones' {
        $file = New-PriceFile bad.csv @(
            'g5.xlarge,A10G,1,4,16,1.1,us-east-1,x,'
            'g5.xlarge,A10G,1,4,16,"1,2",us-west-2,x,'
            'g5.xlarge,A10G,1,4,16,1.3,eu-west-1,x,')
        $result = Invoke-Recorded { Update-GpuInstancePrice AWS -LiteralPath $file -Date 2026-02-01 }
        $result.Output.NewUsdPerHour | Should -Be 1.3, 1.1 -Because 'they are in the order of the regions'
        Assert-OneError $result PriceRowInvalid UpdateGpuInstancePrice InvalidData '1,2' 'bad.csv*line 3', "'1,2'"
        Get-Price us-west-2 | Should -Be 1.006
    }

    It 'goes on after a file that is none' {
        $good = New-PriceFile good.csv 'g5.xlarge,A10G,1,4,16,1.1,us-east-1,x,'
        Set-Content "$root/none.csv" '<html>'
        $result = Invoke-Recorded { Update-GpuInstancePrice AWS -LiteralPath "$root/missing.csv", "$root/none.csv", 'Env:/PATH', $good -Date 2026-02-01 }
        $result.Output.NewUsdPerHour | Should -Be 1.1
        $result.Errors.FullyQualifiedErrorId.ForEach{ $_ -replace ',.*' } | Should -Be 'PathNotInFileSystem', 'PriceFileNotFound', 'PriceFileInvalid'
        $result = Invoke-Recorded { Update-GpuInstancePrice AWS -Path "$root/missing.csv" }
        $result.Errors.FullyQualifiedErrorId | Should -BeExactly 'PriceFileNotFound,LlmOps.Commands.UpdateGpuInstancePriceCommand'
    }

    It 'warns of absurd changes, and refuses days that cannot be' {
        $file = New-PriceFile absurd.csv 'g5.xlarge,A10G,1,4,16,100.6,us-east-1,x,'
        $result = Invoke-Recorded { Update-GpuInstancePrice AWS -Path $file -Date 2026-02-01 }
        $result.Warnings.Message | Should -BeLike '*g5.xlarge (us-east-1) from 1.006 to 100.6*'
        $result = Invoke-Recorded { Update-GpuInstancePrice AWS -Path $file -Date 2999-01-01 }
        $result.Errors.FullyQualifiedErrorId | Should -BeExactly 'PriceDateInvalid,LlmOps.Commands.UpdateGpuInstancePriceCommand'
    }

    It 'keeps nothing with -WhatIf' {
        $file = New-PriceFile whatif.csv 'g5.xlarge,A10G,1,4,16,1.1,us-east-1,x,'
        $result = Invoke-Recorded { Update-GpuInstancePrice AWS -Path $file -Date 2026-02-01 -WhatIf }
        $result.Output | Should -BeNullOrEmpty
        $env:LLMOPS_DATA | Should -Not -Exist
        Get-Price | Should -Be 1.006
        (Get-Command Update-GpuInstancePrice).Parameters.Keys | Should -Contain 'Confirm'
    }

    It 'says that prices cannot be kept, and leaves them as they are' {
        $file = New-PriceFile kept.csv 'g5.xlarge,A10G,1,4,16,1.1,us-east-1,x,'
        Set-Content $env:LLMOPS_DATA 'a file where the folder should be'
        $result = Invoke-Recorded { Update-GpuInstancePrice AWS -Path $file -Date 2026-02-01 }
        $result.Output | Should -BeNullOrEmpty
        $result.Errors.FullyQualifiedErrorId | Should -BeExactly 'PriceStoreFailed,LlmOps.Commands.UpdateGpuInstancePriceCommand'
    }

    It 'reads and shows the same under de-DE' {
        $file = New-PriceFile german.csv 'g5.xlarge,A10G,1,4,16,1.1,us-east-1,x,'
        $before = [cultureinfo]::CurrentCulture
        try {
            [cultureinfo]::CurrentCulture = 'de-DE'
            $change = Update-GpuInstancePrice AWS -Path $file -Date 2026-02-01
            $change.NewUsdPerHour | Should -Be 1.1
            "$change" | Should -BeExactly 'AWS g5.xlarge (us-east-1): 1.1 USD/h'
            Get-Price | Should -Be 1.1
        }
        finally { [cultureinfo]::CurrentCulture = $before }
    }
}

Describe 'The user''s prices' {
    # Each test has a data folder of its own.
    BeforeEach { $env:LLMOPS_DATA = Join-Path $root "data-$([guid]::NewGuid().ToString('N'))" }

    It 'are ignored, with one warning, where the file is damaged' {
        [void] (New-Item -ItemType Directory $env:LLMOPS_DATA)
        Set-Content "$env:LLMOPS_DATA/prices.json" '{"format": 1, "prices": [{"provider": "AWS"}]}'
        $result = Invoke-Recorded { Get-GpuInstance g5.xlarge -Region us-east-1; Get-GpuInstance g5.xlarge -Region us-east-1; Get-GpuInstance g5.xlarge -Region us-east-1 }
        $result.Output.UsdPerHour | Should -Be 1.006, 1.006, 1.006
        @($result.Warnings.Message -like '*prices.json*not used*entry 1*').Count | Should -Be 1
        $file = New-PriceFile anew.csv 'g5.xlarge,A10G,1,4,16,1.1,us-east-1,x,'
        [void] (Update-GpuInstancePrice AWS -Path $file -Date 2026-02-01)
        Get-Price | Should -Be 1.1
    }

    It 'are read again when another process has changed them' {
        $file = New-PriceFile other.csv 'g5.xlarge,A10G,1,4,16,1.1,us-east-1,x,'
        Get-Price | Should -Be 1.006
        & ([Environment]::ProcessPath) -NoProfile -NonInteractive -Command "Import-Module '$ModuleManifest'; Update-GpuInstancePrice AWS -Path '$file' -Date 2026-02-01 | Out-Null"
        Get-Price | Should -Be 1.1
        Remove-Item "$env:LLMOPS_DATA/prices.json"
        Get-Price | Should -Be 1.006
    }

    It 'are completed: <Line>' -ForEach @(
        @{ Line = 'Update-GpuInstancePrice -Provider a'; Expected = 'AWS', 'Azure' }
        @{ Line = 'Update-GpuInstancePrice a'; Expected = 'AWS', 'Azure' }
        @{ Line = 'Update-GpuInstancePrice Azure -Region us-east-'; Expected = 'us-east-1', 'us-east-2' }
    ) {
        Get-Completion $Line | Should -Be $Expected
    }
}

Describe 'Old prices' {
    # Each test has a data folder of its own.
    BeforeEach { $env:LLMOPS_DATA = Join-Path $root "data-$([guid]::NewGuid().ToString('N'))" }

    # In a session of its own, because each is told once.
    BeforeAll {
        function Get-SessionWarning([string[]] $Script) {
            $shell = [powershell]::Create()
            try {
                [void] $shell.AddScript("Import-Module '$ModuleManifest'").Invoke()
                foreach ($line in $Script) {
                    $shell.Commands.Clear()
                    $shell.Streams.Warning.Clear()
                    [void] $shell.AddScript($line).Invoke()
                    $shell.Streams.Error | Should -BeNullOrEmpty
                    , @($shell.Streams.Warning.Message | Where-Object { $_ })
                }
            }
            finally { $shell.Dispose() }
        }
    }

    It 'are warned of once a session for each provider and date' {
        $warnings = Get-SessionWarning @(
            'Get-GpuInstance Standard_NC4as_T4_v3 -Region eastus'
            'Get-GpuInstance Standard_NC4as_T4_v3 -Region eastus'
            'Find-OptimalGpuInstance OPT-2.7B -Provider Azure'
            'Get-GpuInstance -Provider Azure, Lambda'
            'Get-GpuInstance -Provider Lambda'
            'Find-OptimalGpuInstance OPT-2.7B -PerformanceModel InferSave')
        $warnings[0] | Should -BeLike '*without a date: Azure.*Update-GpuInstancePrice*'
        $warnings[1] | Should -BeNullOrEmpty
        $warnings[2] | Should -BeNullOrEmpty
        $warnings[3] | Should -BeLike '*without a date: Lambda.*'
        $warnings[4] | Should -BeNullOrEmpty
        $warnings[5] | Should -BeNullOrEmpty
    }

    It 'are those older than 90 days' {
        $today = [datetime]::UtcNow.Date
        $file = New-PriceFile recent.csv 'Standard_NC4as_T4_v3,T4,1,4,28,0.5,eastus,x,'
        [void] (Update-GpuInstancePrice Azure -Path $file -Date $today.AddDays(-90))
        (Get-SessionWarning 'Get-GpuInstance Standard_NC4as_T4_v3 -Region eastus')[0] | Should -BeNullOrEmpty
        [void] (Update-GpuInstancePrice Azure -Path $file -Date $today.AddDays(-91) -WarningAction Ignore)
        $warnings = Get-SessionWarning 'Get-GpuInstance Standard_NC4as_T4_v3 -Region eastus', '$x = Get-GpuInstance Standard_NC4as_T4_v3 -Region eastus; if ($x.PriceAgeDays -ne 91) { throw $x.PriceAgeDays }'
        $warnings[0] | Should -BeLike "*older than 90 days: Azure of $($today.AddDays(-91).ToString('yyyy-MM-dd', [cultureinfo]::InvariantCulture)) (91 days).*"
        $warnings[1] | Should -BeNullOrEmpty
    }
}
