# What the help build and the tests share: reading and running the examples of the Markdown topics and of the README.

# The topics, one a cmdlet; about topics are no such topic.
function Get-HelpTopicFile {
    Get-ChildItem $PSScriptRoot -Filter '*-*.md' | Sort-Object Name
}

# The examples of a topic: a title, a block of code, a block of output, and remarks.
function Get-HelpExample {
    param([Parameter(Mandatory, ValueFromPipeline)] [IO.FileInfo] $File)
    process {
        $text = [IO.File]::ReadAllText($File.FullName)
        $form = '(?ms)^### (?<title>Example \d+: [^\n]+)\n\n```powershell\n(?<code>.*?)\n```\n\n```output\n(?<output>.*?)```$(?<remarks>.*?)(?=^##|\z)'
        foreach ($match in [regex]::Matches($text, $form)) {
            [pscustomobject]@{
                Command     = $File.BaseName
                Title       = $match.Groups['title'].Value
                Code        = $match.Groups['code'].Value
                Remarks     = $match.Groups['remarks'].Value.Trim()
                Output      = $match.Groups['output'].Value.TrimEnd()
                OutputStart = $match.Groups['output'].Index
                OutputSize  = $match.Groups['output'].Length
                File        = $File
                Width       = 76
            }
        }
    }
}

# The examples of the README: blocks of code that a block of output follows.
function Get-ReadmeExample {
    $file = Get-Item (Join-Path $PSScriptRoot '../../README.md')
    $text = [IO.File]::ReadAllText($file.FullName)
    foreach ($match in [regex]::Matches($text, '(?s)```powershell\n(?<code>[^`]*?)\n```\n\n```output\n(?<output>.*?)```')) {
        [pscustomobject]@{
            Code        = $match.Groups['code'].Value
            Output      = $match.Groups['output'].Value.TrimEnd()
            OutputStart = $match.Groups['output'].Index
            OutputSize  = $match.Groups['output'].Length
            File        = $file
            Width       = 80
        }
    }
}

# Runs an example in a folder of its own, and gives what it shows: with the invariant culture and without colours, in 76
# columns unless told otherwise, which Get-Help indents to 80. Errors end it. Prices of the user do not count, nor are they
# touched.
function Invoke-HelpExample {
    param([Parameter(Mandatory)] [string] $Code, [Parameter(Mandatory)] [string] $Folder, [int] $Width = 76)
    $culture = [cultureinfo]::CurrentCulture
    $rendering = $PSStyle.OutputRendering
    $data = $env:LLMOPS_DATA
    # No example sees the files of another.
    if (Test-Path -LiteralPath $Folder) { Remove-Item -LiteralPath $Folder -Recurse -Force }
    Push-Location (New-Item -ItemType Directory -Force $Folder)
    try {
        $env:LLMOPS_DATA = Join-Path $Folder "data-$([guid]::NewGuid().ToString('N'))"
        [cultureinfo]::CurrentCulture = [cultureinfo]::InvariantCulture
        $PSStyle.OutputRendering = 'PlainText'
        $preferences = '$ErrorActionPreference = "Stop"; $WarningPreference = "SilentlyContinue"; '
        $shown = & ([scriptblock]::Create($preferences + $Code)) | Out-String -Width $Width
        # Empty lines around the output say nothing; spaces at the ends of lines would not survive editors.
        ($shown -replace '\r', '' -replace '(?m)[ \t]+$', '').Trim("`n")
    }
    finally {
        [cultureinfo]::CurrentCulture = $culture
        $PSStyle.OutputRendering = $rendering
        $env:LLMOPS_DATA = $data
        Pop-Location
    }
}

Export-ModuleMember -Function Get-HelpTopicFile, Get-HelpExample, Get-ReadmeExample, Invoke-HelpExample
