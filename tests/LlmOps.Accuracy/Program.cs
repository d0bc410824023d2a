using System.Text;
using LlmOps.Core.Performance.StepTime;

namespace LlmOps.Accuracy;

/// <summary>Part of the report on accuracy: what one kind of prediction is worth.</summary>
internal interface IReportSection
{
    /// <summary>The section's Markdown.</summary>
    string Text();

    /// <summary>Figures beside the document, by file name.</summary>
    IEnumerable<(string FileName, string Svg)> Figures();
}

/// <summary>
/// Writes <c>docs/accuracy.md</c> and its figures: <c>dotnet run --project tests/LlmOps.Accuracy -c Release</c> from the
/// repository's root, or with the folder to write to. With <c>fit</c> the step-time model is fitted first, which takes minutes;
/// with <c>fit-llama-cpp</c> that of llama.cpp, which takes seconds.
/// </summary>
internal static class Program
{
    private static readonly string s_introduction = """
        # Accuracy

        What the predictions are worth, held against published measurements. Written by
        `dotnet run --project tests/LlmOps.Accuracy -c Release`; the rows with their sources are in `tests/LlmOps.Accuracy/Data`.
        Errors are relative, predicted over measured less one; bias is their mean with sign.

        """.ReplaceLineEndings("\n");

    /// <summary>Further kinds of predictions are added here.</summary>
    internal static IReportSection[] Sections() => [new VllmMemorySection(), new ServingSection(), new ThroughputSection(), new LlamaCppSection()];

    internal static string Document(IEnumerable<IReportSection> sections) =>
        s_introduction + string.Concat(sections.Select(section => "\n" + section.Text().ReplaceLineEndings("\n")));

    private static int Main(string[] arguments)
    {
        if (arguments is ["fit"])
        {
            return Fit();
        }

        if (arguments is ["fit-llama-cpp"])
        {
            return FitLlamaCpp();
        }

        string folder = arguments.Length > 0 ? arguments[0] : "docs";
        if (arguments.Length == 0 && !File.Exists("LlmOps.sln"))
        {
            Console.Error.WriteLine("Run this in the repository's root, or name the folder to write to.");
            return 1;
        }

        Directory.CreateDirectory(folder);
        IReportSection[] sections = Sections();
        UTF8Encoding encoding = new(encoderShouldEmitUTF8Identifier: false);
        File.WriteAllText(Path.Combine(folder, "accuracy.md"), Document(sections), encoding);
        foreach ((string fileName, string svg) in sections.SelectMany(section => section.Figures()))
        {
            File.WriteAllText(Path.Combine(folder, fileName), svg, encoding);
        }

        return 0;
    }

    /// <summary>Fits the step-time model and keeps what it predicts of each group without it; both files are compiled in.</summary>
    private static int Fit()
    {
        if (!File.Exists(StepTimeFile.Path))
        {
            Console.Error.WriteLine("Run this in the repository's root.");
            return 1;
        }

        StepTimeData fitted = ServingFit.Full(ServingRow.All.Where(row => row.IsFitted), ServingFit.Priors());
        ServingLeftOut leftOut = ServingLeftOut.Compute(fitted, Console.Error.WriteLine);
        leftOut.Write(Path.Combine("tests", "LlmOps.Accuracy", "Data", ServingLeftOut.FileName));
        StepTimeFile.Update(fitted, leftOut);
        Console.Error.WriteLine("Run it again without 'fit' for the document.");
        return 0;
    }

    /// <summary>The same for llama.cpp, whose coefficients are apart.</summary>
    private static int FitLlamaCpp()
    {
        if (!File.Exists(StepTimeFile.Path))
        {
            Console.Error.WriteLine("Run this in the repository's root.");
            return 1;
        }

        LlamaCppLeftOut leftOut = LlamaCppLeftOut.Compute();
        leftOut.Write(Path.Combine("tests", "LlmOps.Accuracy", "Data", LlamaCppLeftOut.FileName));
        LlamaCppFile.Update(leftOut);
        Console.Error.WriteLine("Run it again without 'fit-llama-cpp' for the document.");
        return 0;
    }
}
