using FsCheck;
using FsCheck.Fluent;

namespace LlmOps.Core.Tests.Properties;

/// <summary>Runs properties with a fixed seed: the same cases on every machine, so that a red run can be repeated.</summary>
internal static class Always
{
    private const ulong Seed = 20260121;
    private const ulong Gamma = 2654435769;

    public static void Holds<T>(Gen<T> cases, int count, Func<T, bool> property) =>
        FsCheck.Fluent.Prop.ForAll(cases.ToArbitrary(), property).Check(Settings(count));

    /// <summary>For a body of assertions, whose messages say more than a false.</summary>
    public static void Holds<T>(Gen<T> cases, int count, Action<T> assertions) =>
        FsCheck.Fluent.Prop.ForAll(cases.ToArbitrary(), assertions).Check(Settings(count));

    private static Config Settings(int count) =>
        Config.QuickThrowOnFailure.WithMaxTest(count).WithReplay(Seed, Gamma);
}
