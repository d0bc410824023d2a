using LlmOps.Core;
using LlmOps.Operations.Hub;

namespace LlmOps.Operations.Tests.Hub;

/// <summary>What the user and the environment say, together.</summary>
public sealed class OptionsTests
{
    private static HubOptions With(string variable, string value, string? endpoint = null) =>
        HubOptions.Create(endpoint, environment: name => name == variable ? value : null);

    [Fact]
    public void The_environment_is_asked_where_the_user_says_nothing()
    {
        Assert.Equal("https://huggingface.co/", HubOptions.Create(environment: _ => null).Endpoint.AbsoluteUri);
        Assert.Equal("https://mirror.example.com/", With("HF_ENDPOINT", "https://mirror.example.com/").Endpoint.AbsoluteUri);
        Assert.Equal("https://other.example.com/", With("HF_ENDPOINT", "https://mirror.example.com", "https://other.example.com").Endpoint.AbsoluteUri);
        Assert.Equal("secret", With("HF_TOKEN", " secret\n").Token);
        Assert.Null(With("HF_TOKEN", " ").Token);
        Assert.Equal(Path.Combine("/some/cache", "hub"), With("LLMOPS_CACHE", "/some/cache").CacheFolder);
        Assert.Equal(Path.Combine("/xdg", "LlmOps", "hub"), With("XDG_CACHE_HOME", "/xdg").CacheFolder);
    }

    [Theory]
    [InlineData("HF_HUB_OFFLINE", "1", true)]
    [InlineData("LLMOPS_OFFLINE", "true", true)]
    [InlineData("HF_HUB_OFFLINE", "0", false)]
    [InlineData("LLMOPS_OFFLINE", "", false)]
    public void Offline_can_be_said_by_two_variables(string variable, string value, bool offline) =>
        Assert.Equal(offline, With(variable, value).Offline);

    [Theory]
    [InlineData("huggingface.co")]
    [InlineData("ftp://huggingface.co")]
    [InlineData("file:///etc/passwd")]
    [InlineData("https://user:password@huggingface.co")]
    [InlineData("ftp://user:password@huggingface.co")]
    [InlineData("https://huggingface.co?x=password")]
    [InlineData(" ")]
    public void An_endpoint_that_is_none_is_refused(string endpoint)
    {
        LlmOpsException e = Assert.Throws<LlmOpsException>(() => HubOptions.Create(endpoint, environment: _ => null));

        Assert.Equal("HubEndpointInvalid", e.ErrorId);
        Assert.DoesNotContain("password@", e.Message + e.Target, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("se cret")]
    [InlineData("secret\r\nX-Header: 1")]
    [InlineData("sécret")]
    public void A_token_that_cannot_be_sent_is_refused_and_not_shown(string token)
    {
        LlmOpsException e = Assert.Throws<LlmOpsException>(() => HubOptions.Create(token: token, environment: _ => null));

        Assert.Equal("HubTokenInvalid", e.ErrorId);
        Assert.DoesNotContain("cret", e.Message.Replace("secret:", "", StringComparison.Ordinal), StringComparison.Ordinal);
        Assert.Null(e.Target);
    }

    [Fact]
    public void A_token_does_not_travel_unencrypted()
    {
        LlmOpsException e = Assert.Throws<LlmOpsException>(
            () => HubOptions.Create("http://hub.example.com", "secret", environment: _ => null));

        Assert.Equal("HubEndpointInvalid", e.ErrorId);
        Assert.NotNull(HubOptions.Create("http://localhost:5000", "secret", environment: _ => null).Token);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    [InlineData(double.NaN)]
    [InlineData(1e9)]
    public void A_timeout_is_bounded(double seconds) => Assert.Equal(Guard.OutOfRangeId,
        Assert.Throws<LlmOpsException>(() => HubOptions.Create(timeoutSeconds: seconds, environment: _ => null)).ErrorId);
}
