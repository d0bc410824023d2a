using System.Text;
using LlmOps.Core;
using LlmOps.Core.Calibration;

namespace LlmOps.Operations.Calibrations;

/// <summary>
/// Reads measured times from a file: a table (CSV, separated by commas, semicolons or tabs, with a header), or what a benchmark
/// program writes (JSON, one result or several one after the other).
/// </summary>
public static class MeasurementFile
{
    private const int LargestFile = 64 << 20;
    private const string NeededText = "Model, Gpu, BatchSize, InputLength, OutputLength, and TtftMs, TpotMs or TokensPerSecond";

    /// <param name="path">The file.</param>
    /// <param name="report">Takes the error of each row that is none; the others follow.</param>
    /// <exception cref="LlmOpsException">The file cannot be read, or holds neither a table nor results.</exception>
    public static IReadOnlyList<MeasurementRow> Read(string path, Action<LlmOpsException> report)
    {
        string text = ReadText(path);
        string name = Path.GetFileName(path);
        ReadOnlySpan<char> start = text.AsSpan().TrimStart();
        if (start.IsEmpty)
        {
            throw Invalid(path, "it is empty");
        }

        IReadOnlyList<MeasurementRow> rows = start[0] is '{' or '[' ? BenchmarkJson.Read(text, path, name, report) : ReadTable(text, path, name, report);
        return rows.Count <= TimeCalibration.MostMeasurements
            ? rows
            : throw Invalid(path, FormattableString.Invariant($"it has more than {TimeCalibration.MostMeasurements} measurements"));
    }

    internal static LlmOpsException Invalid(string path, string reason, Exception? inner = null) => new(
        "MeasurementFileInvalid", ErrorKind.InvalidData,
        $"'{path}' holds no measured times: {reason}. Give a table with the columns {NeededText}, or the JSON result of a benchmark.", path, inner);

    private static List<MeasurementRow> ReadTable(string text, string path, string name, Action<LlmOpsException> report)
    {
        List<MeasurementRow> rows = [];
        try
        {
            string[]? header = null;
            foreach (CsvRecord record in CsvRecords.Read(text, SeparatorOf(text)))
            {
                if (header is null)
                {
                    header = HeaderOf(record, path);
                    continue;
                }

                string place = FormattableString.Invariant($"line {record.Line} of '{name}'");
                if (record.Fields.Count != header.Length)
                {
                    report(new LlmOpsException("MeasurementInvalid", ErrorKind.InvalidData, FormattableString.Invariant(
                        $"Line {record.Line} of '{name}' has {record.Fields.Count} fields, the header {header.Length}; decimals are written with a point, such as 12.5."), place));
                    continue;
                }

                if (rows.Count > TimeCalibration.MostMeasurements)
                {
                    break;
                }

                rows.Add(new MeasurementRow(place, header.Zip(record.Fields, (column, field) => KeyValuePair.Create<string, object?>(column, field))));
            }
        }
        catch (InvalidDataException e)
        {
            throw Invalid(path, e.Message.TrimEnd('.'), e);
        }

        return rows.Count > 0 ? rows : throw Invalid(path, "there is no row beneath the header");
    }

    private static string[] HeaderOf(in CsvRecord record, string path)
    {
        string[] header = [.. record.Fields];
        if (!header.Any(MeasurementRow.IsColumn))
        {
            throw Invalid(path, $"the header '{MeasurementRow.Shown(string.Join(',', header))}' has no known column");
        }

        return header.Where(MeasurementRow.IsColumn).GroupBy(NameMatcher.Canonical).FirstOrDefault(group => group.Count() > 1) is { } twice
            ? throw Invalid(path, $"the column {MeasurementRow.Shown(twice.First())} is there twice")
            : header;
    }

    /// <summary>What stands most often in the first line that is not blank.</summary>
    private static char SeparatorOf(string text)
    {
        ReadOnlySpan<char> line = text.AsSpan().TrimStart();
        int end = line.IndexOfAny('\r', '\n');
        line = end < 0 ? line : line[..end];
        int commas = line.Count(','), semicolons = line.Count(';'), tabs = line.Count('\t');
        return semicolons > commas && semicolons >= tabs ? ';' : tabs > commas ? '\t' : ',';
    }

    private static string ReadText(string path)
    {
        try
        {
            using FileStream stream = new(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            if (!stream.CanSeek || stream.Length > LargestFile)
            {
                throw Invalid(path, FormattableString.Invariant($"it is no file of at most {LargestFile} bytes"));
            }

            using StreamReader reader = new(stream, new UTF8Encoding(encoderShouldEmitUTF8Identifier: true, throwOnInvalidBytes: true));
            return reader.ReadToEnd();
        }
        catch (DecoderFallbackException e)
        {
            throw Invalid(path, "it is encoded neither in UTF-8 nor in UTF-16 with a byte order mark", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new LlmOpsException("MeasurementFileNotFound", ErrorKind.NotFound, $"'{path}' cannot be read: {e.Message}", path, e);
        }
    }
}
