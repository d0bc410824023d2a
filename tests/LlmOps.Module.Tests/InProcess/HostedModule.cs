using System.Collections.ObjectModel;
using System.Management.Automation;
using System.Management.Automation.Runspaces;
using LlmOps.Core.Models;

namespace LlmOps.Module.Tests.InProcess;

/// <summary>The module in a PowerShell that runs within the test process: build with -p:PowerShellSdkVersion=7.6.x.</summary>
public sealed class HostedModule : IDisposable
{
    private readonly Runspace _runspace;

    public HostedModule()
    {
        InitialSessionState session = InitialSessionState.CreateDefault2();
        session.ImportPSModule([RepositoryFiles.Path(RepositoryFiles.Manifest)]);
        _runspace = RunspaceFactory.CreateRunspace(session);
        _runspace.Open();
    }

    [Fact]
    public void A_model_comes_out_of_the_catalogue()
    {
        PSObject model = Assert.Single(Invoke("Get-LlmModel Llama-2-7B", out _));

        Assert.Equal(6738415616, Assert.IsType<LlmModel>(model.BaseObject).ParameterCount);
    }

    [Fact]
    public void A_wrong_name_is_one_error_and_costs_nothing_else()
    {
        Collection<PSObject> models = Invoke("Get-LlmModel Llama-2-7B, nope, OPT-125M", out IReadOnlyList<ErrorRecord> errors);

        Assert.Equal(2, models.Count);
        Assert.StartsWith("ModelNotFound,", Assert.Single(errors).FullyQualifiedErrorId, StringComparison.Ordinal);
    }

    public void Dispose() => _runspace.Dispose();

    private Collection<PSObject> Invoke(string script, out IReadOnlyList<ErrorRecord> errors)
    {
        using PowerShell shell = PowerShell.Create();
        shell.Runspace = _runspace;
        Collection<PSObject> output = shell.AddScript(script).Invoke();
        errors = [.. shell.Streams.Error];
        return output;
    }
}
