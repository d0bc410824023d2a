using LlmOps.Core;
using LlmOps.Core.Hardware;

namespace LlmOps.Operations.Prices;

/// <summary>What a feed or a file holds for the machines of the catalogue.</summary>
/// <param name="Prices">Each key once.</param>
/// <param name="Problems">Rows that were left out, each with its place and value.</param>
/// <param name="Notes">What a user should know beside.</param>
public sealed record PriceReading(
    IReadOnlyList<InstancePrice> Prices, IReadOnlyList<LlmOpsException> Problems, IReadOnlyList<string> Notes);

/// <summary>How far a reading is.</summary>
public sealed record PriceProgress(int Done, int Total, string Current);
