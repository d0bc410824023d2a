<#
.SYNOPSIS
Builds en-US/LlmOps.dll-Help.xml from the Markdown topics in this folder.

.DESCRIPTION
Needs the module Microsoft.PowerShell.PlatyPS 1.0. Run it in a process of its own, because PlatyPS cannot be loaded twice:

    pwsh -NoProfile -File src/Help/Build-Help.ps1

PlatyPS puts code, output and remarks of an example into one text with Markdown fences; here they are put where Get-Help
looks for them, and Markdown's marks and line breaks are taken out. The result depends on the topics alone.

.PARAMETER OutputFolder
Where LlmOps.dll-Help.xml is written; en-US at the repository's root by default.

.PARAMETER UpdateOutput
Runs every example first and writes what it shows into the topics and the README. The module must be built.
#>
[CmdletBinding()]
param(
    [string] $OutputFolder = (Join-Path $PSScriptRoot '../../en-US'),
    [switch] $UpdateOutput
)

$ErrorActionPreference = 'Stop'
Import-Module (Join-Path $PSScriptRoot 'HelpTools.psm1')
$scratch = Join-Path ([IO.Path]::GetTempPath()) "LlmOps-help-$PID"
$utf8 = [Text.UTF8Encoding]::new($false)

function Update-ExampleOutput {
    Import-Module (Join-Path $PSScriptRoot '../../LlmOps.psd1')
    foreach ($group in @(Get-HelpTopicFile | Get-HelpExample) + @(Get-ReadmeExample) | Group-Object { $_.File.FullName }) {
        $text = [IO.File]::ReadAllText($group.Name)
        # From the last to the first, so that the places of the others stay right.
        $examples = @($group.Group)
        [array]::Reverse($examples)
        foreach ($example in $examples) {
            $shown = Invoke-HelpExample $example.Code (Join-Path $scratch 'example') -Width $example.Width
            $text = $text.Remove($example.OutputStart, $example.OutputSize).Insert($example.OutputStart, "$shown`n")
        }

        [IO.File]::WriteAllText($group.Name, $text, $utf8)
    }
}

# Markdown as the paragraphs of a plain text: without marks, each line no longer than Get-Help can indent in 80 columns. It
# breaks longer ones in the middle of a word.
function ConvertTo-Paragraph([string] $markdown) {
    foreach ($block in ($markdown -replace '\r', '').Trim() -split '\n{2,}') {
        $items = [Collections.Generic.List[string]]::new()
        foreach ($line in $block -split '\n') {
            if ($items.Count -eq 0 -or $line -match '^\s*- ') { $items.Add($line.Trim()) }
            else { $items[-1] = $items[-1] + ' ' + $line.Trim() }
        }

        $wrapped = foreach ($item in $items) {
            $plain = $item -replace '`([^`]+)`', '$1' -replace '\[([^\]]+)\]\([^)]+\)', '$1'
            $line = ''
            foreach ($word in $plain -split ' ') {
                if ($line -and $line.Length + 1 + $word.Length -gt 71) {
                    $line
                    $line = $(if ($plain.StartsWith('- ')) { '  ' }) + $word
                }
                else { $line = $(if ($line) { "$line $word" } else { $word }) }
            }

            $line
        }

        $wrapped -join "`n"
    }
}

function Add-Element([Xml.XmlElement] $parent, [string] $name, [string] $text) {
    $prefix, $local = $name -split ':'
    $element = $parent.OwnerDocument.CreateElement($prefix, $local, $parent.GetNamespaceOfPrefix($prefix))
    $element.InnerText = $text
    [void] $parent.AppendChild($element)
}

# Each paragraph of a text in an element of its own; platyPS leaves some of them together.
function Split-Paragraph([Xml.XmlElement] $parent) {
    $text = @($parent.ChildNodes | ForEach-Object InnerText) -join "`n`n"
    $parent.RemoveAll()
    foreach ($paragraph in ConvertTo-Paragraph $text) { Add-Element $parent 'maml:para' $paragraph }
}

function Convert-Example([Xml.XmlElement] $node, $example, $names) {
    $node.SelectSingleNode('maml:title', $names).InnerText = "---- $($example.Title) ----"
    $node.SelectSingleNode('dev:code', $names).InnerText = $example.Code
    [void] $node.RemoveChild($node.SelectSingleNode('maml:introduction', $names))
    $remarks = $node.SelectSingleNode('dev:remarks', $names)
    $remarks.RemoveAll()
    foreach ($paragraph in @($example.Output) + @(ConvertTo-Paragraph $example.Remarks)) {
        Add-Element $remarks 'maml:para' $paragraph
        Add-Element $remarks 'maml:para' ''
    }
}

# The type as the syntax shows it, which is readable, and the default value.
function Convert-Parameter([Xml.XmlElement] $node, $parameter, $names) {
    $name = $node.SelectSingleNode('maml:name', $names).InnerText
    $type = $node.SelectSingleNode('command:parameterValue', $names)
    $short = $node.SelectSingleNode("../../command:syntax//command:parameter[maml:name='$name']/command:parameterValue", $names)
    if ($type -and $short) { $type.InnerText = $short.InnerText }
    if ($parameter.DefaultValue -and -not $node.SelectSingleNode('dev:defaultValue', $names)) {
        Add-Element $node 'dev:defaultValue' $parameter.DefaultValue
    }
}

function Convert-Maml([string] $path, [object[]] $commands) {
    $document = [xml]::new()
    $document.Load($path)
    $names = [Xml.XmlNamespaceManager]::new($document.NameTable)
    foreach ($prefix in 'maml', 'command', 'dev') {
        $names.AddNamespace($prefix, $document.DocumentElement.GetNamespaceOfPrefix($prefix))
    }

    foreach ($command in $commands) {
        $node = $document.SelectSingleNode("//command:command[command:details/command:name='$($command.Title)']", $names)
        foreach ($text in @($node.SelectNodes('.//maml:description[maml:para] | .//maml:alert', $names))) { Split-Paragraph $text }
        foreach ($parameter in @($node.SelectNodes('command:parameters/command:parameter', $names))) {
            $name = $parameter.SelectSingleNode('maml:name', $names).InnerText
            Convert-Parameter $parameter ($command.Parameters | Where-Object Name -EQ $name) $names
        }

        $sources = @(Get-HelpTopicFile | Where-Object BaseName -EQ $command.Title | Get-HelpExample)
        $examples = @($node.SelectNodes('.//command:example', $names))
        if ($sources.Count -ne $examples.Count) {
            throw "$($command.Title): $($sources.Count) of $($examples.Count) examples have the form code, output, remarks."
        }

        for ($i = 0; $i -lt $examples.Count; $i++) { Convert-Example $examples[$i] $sources[$i] $names }

        # Links lead to other topics by their names; there is no page for them.
        foreach ($link in @($node.SelectNodes('.//maml:navigationLink', $names))) {
            if ($link.SelectSingleNode('maml:linkText', $names).InnerText -eq 'Online Version') { [void] $link.ParentNode.RemoveChild($link) }
            else { $link.SelectSingleNode('maml:uri', $names).InnerText = '' }
        }
    }

    $settings = [Xml.XmlWriterSettings]@{ Indent = $true; NewLineChars = "`n"; Encoding = $utf8; NewLineHandling = 'None' }
    $buffer = [IO.MemoryStream]::new()
    $writer = [Xml.XmlWriter]::Create($buffer, $settings)
    $document.Save($writer)
    $writer.Dispose()
    ($utf8.GetString($buffer.ToArray()) -replace '\r', '' -replace '(?m)[ \t]+$', '').TrimEnd() + "`n"
}

try {
    if ($UpdateOutput) { Update-ExampleOutput }
    Import-Module Microsoft.PowerShell.PlatyPS -MinimumVersion 1.0
    $commands = @(Get-HelpTopicFile | ForEach-Object { Import-MarkdownCommandHelp -Path $_.FullName })
    $maml = $commands | Export-MamlCommandHelp -OutputFolder $scratch -Force
    [void] (New-Item -ItemType Directory -Force $OutputFolder)
    $target = Join-Path (Resolve-Path $OutputFolder).ProviderPath 'LlmOps.dll-Help.xml'
    [IO.File]::WriteAllText($target, (Convert-Maml $maml.FullName $commands), $utf8)
}
finally {
    Remove-Item $scratch -Recurse -Force -ErrorAction Ignore
}
