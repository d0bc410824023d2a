using System.Net;

namespace LlmOps.Operations.Http;

/// <summary>A proxy for all hosts but this one, where no proxy could reach what listens here.</summary>
internal sealed class DirectToLoopback(IWebProxy inner) : IWebProxy
{
    public ICredentials? Credentials { get => inner.Credentials; set => inner.Credentials = value; }

    public Uri? GetProxy(Uri destination) => destination.IsLoopback ? null : inner.GetProxy(destination);

    public bool IsBypassed(Uri host) => host.IsLoopback || inner.IsBypassed(host);
}
