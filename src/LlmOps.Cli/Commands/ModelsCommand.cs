using System.CommandLine;
using LlmOps.Cli.Rendering;
using LlmOps.Core;
using LlmOps.Core.Models;

namespace LlmOps.Cli.Commands;

/// <summary><c>llmops models</c>: the models that are known by name.</summary>
internal static class ModelsCommand
{
    private const double Billion = 1e9;

    private static readonly Column<LlmModel>[] s_columns =
    [
        Column.Text<LlmModel>("Model", m => m.Name),
        Column.Text<LlmModel>("Family", m => m.Family) with { DropOrder = 3 },
        Column.Number<LlmModel>("Params 1e9", "N3", m => m.ParameterCount / Billion),
        Column.Number<LlmModel>("Active 1e9", "N3", m => m.ActiveParameterCount / Billion) with { DropOrder = 1 },
        Column.Whole<LlmModel>("Layers", m => m.LayerCount),
        Column.Whole<LlmModel>("Hidden", m => m.HiddenSize) with { DropOrder = 5 },
        Column.Text<LlmModel>("Heads/KV", m => FormattableString.Invariant($"{m.AttentionHeadCount}/{m.KeyValueHeadCount}"))
            with { RightAligned = true, DropOrder = 4 },
        Column.Whole<LlmModel>("Context", m => m.ContextLength),
        Column.Text<LlmModel>("Type", m => m.PublishedQuantization.Name) with { DropOrder = 2 },
        Column.Whole<LlmModel>("KV B/token", m => m.KvBytesPerToken),
    ];

    public static Command Create(Terminal terminal)
    {
        Argument<string?> pattern = Options.Pattern("model or repository");
        Option<string?> output = Options.Output();
        Command command = new("models", "Lists the models that are known by name.") { pattern, output };
        command.SetAction(parse => LlmOpsCommand.Guarded(terminal, diagnostics =>
        {
            string? wanted = parse.GetValue(pattern);
            IEnumerable<LlmModel> found = wanted is not null && ModelCatalog.TryGet(wanted, out LlmModel? exact)
                ? [exact]
                : ModelCatalog.Find(CatalogSearch.Wildcard(wanted));
            return CatalogSearch.Show(terminal, diagnostics, found, parse.Format(output), s_columns,
                $"no model matches '{wanted}'{Hint(wanted)}");
        }));
        return command;
    }

    private static string Hint(string? wanted) =>
        wanted is not null && NameMatcher.Nearest(wanted, ModelCatalog.Names) is { } nearest
            ? $"; did you mean {nearest}?"
            : "";
}
