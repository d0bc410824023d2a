using System.Diagnostics;

namespace LlmOps.Module.Tests;

/// <summary>Runs the Pester suite in a real PowerShell, against the built module, where there is one.</summary>
public sealed class PesterSuite
{
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(10);

    [Fact]
    public async Task All_Pester_tests_pass_in_a_real_PowerShell()
    {
        string? pwsh = FindOnPath("pwsh");
        Assert.SkipWhen(pwsh is null,
            "NO CMDLET IS TESTED: pwsh is not on PATH. Install PowerShell 7.4 or later, and Pester 5, to run the Pester suite.");
        (int hasPester, _) = await Run(pwsh!, "if (-not (Get-Module Pester -ListAvailable | Where-Object Version -ge '5.0')) { exit 3 }");
        Assert.SkipWhen(hasPester == 3,
            "NO CMDLET IS TESTED: Pester 5 is not installed (Install-Module Pester).");

        (int exitCode, string output) = await Run(pwsh!, """
            $PSStyle.OutputRendering = 'PlainText'
            $configuration = New-PesterConfiguration
            $configuration.Run.Path = './tests/Pester'
            $configuration.Run.Exit = $true
            $configuration.Output.Verbosity = 'Normal'
            Invoke-Pester -Configuration $configuration
            """);

        TestContext.Current.SendDiagnosticMessage(output);
        Assert.True(exitCode == 0, output);
        Assert.Contains("Tests Passed:", output, StringComparison.Ordinal);
    }

    private static async Task<(int ExitCode, string Output)> Run(string pwsh, string script)
    {
        ProcessStartInfo start = new(pwsh, ["-NoProfile", "-NonInteractive", "-Command", script])
        {
            WorkingDirectory = RepositoryFiles.Root,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            Environment = { ["POWERSHELL_TELEMETRY_OPTOUT"] = "1", ["POWERSHELL_UPDATECHECK"] = "Off" },
        };
        using Process process = Process.Start(start)!;
        using CancellationTokenSource timeout = new(s_patience);
        try
        {
            Task<string> output = process.StandardOutput.ReadToEndAsync(timeout.Token);
            Task<string> error = process.StandardError.ReadToEndAsync(timeout.Token);
            await process.WaitForExitAsync(timeout.Token);
            return (process.ExitCode, await output + await error);
        }
        finally
        {
            if (!process.HasExited)
            {
                process.Kill(entireProcessTree: true);
            }
        }
    }

    private static string? FindOnPath(string program)
    {
        string name = OperatingSystem.IsWindows() ? program + ".exe" : program;
        return (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator)
            .Where(folder => folder.Length > 0)
            .Select(folder => Path.Combine(folder, name))
            .FirstOrDefault(File.Exists);
    }
}
