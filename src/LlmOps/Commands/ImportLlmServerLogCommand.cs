using System.Diagnostics;
using System.Management.Automation;
using LlmOps.Core.Calibration;
using LlmOps.Errors;

namespace LlmOps.Commands;

/// <summary>Reads what inference servers measured and printed while they started.</summary>
[Cmdlet(VerbsData.Import, "LlmServerLog", DefaultParameterSetName = PathSet)]
[OutputType(typeof(ServerLogMeasurement))]
public sealed class ImportLlmServerLogCommand : LlmOpsCmdlet
{
    private const string PathSet = "Path";
    private const string LiteralPathSet = "LiteralPath";
    private const string InputObjectSet = "InputObject";
    private const int ProgressId = 4711;

    private static readonly TimeSpan s_tick = TimeSpan.FromMilliseconds(250);

    private readonly Stopwatch _sinceProgress = Stopwatch.StartNew();
    private ServerLogReader? _lines;
    private long _lineNumber;
    private long _startCount;

    [Parameter(Mandatory = true, Position = 0, ParameterSetName = PathSet)]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    public string[] Path { get; set; } = [];

    [Parameter(Mandatory = true, ParameterSetName = LiteralPathSet, ValueFromPipelineByPropertyName = true)]
    [Alias("PSPath", "FullName")]
    [ValidateNotNullOrEmpty]
    public string[] LiteralPath { get; set; } = [];

    [Parameter(Mandatory = true, ParameterSetName = InputObjectSet, ValueFromPipeline = true)]
    [AllowNull]
    [AllowEmptyString]
    [AllowEmptyCollection]
    public string?[]? InputObject { get; set; }

    protected override string PathNotFoundId => "ServerLogNotFound";

    protected override void ProcessRecord()
    {
        switch (ParameterSetName)
        {
            case PathSet:
                UseFiles(Path, Read);
                break;
            case LiteralPathSet:
                UseLiteralFiles(LiteralPath, Read);
                break;
            default:
                foreach (string? text in InputObject ?? [])
                {
                    ReadLines(text ?? "");
                }

                break;
        }
    }

    protected override void EndProcessing()
    {
        foreach (ServerLogMeasurement start in _lines?.Complete() ?? [])
        {
            Write(start);
        }

        if (_lines is not null && _startCount == 0)
        {
            WriteError(ErrorRecords.From(ServerLog.NoStart("What came from the pipeline", InputObject)));
        }
    }

    private void Read(string file)
    {
        bool isShown = false;
        foreach (ServerLogMeasurement start in ServerLog.Read(file, (done, total) => isShown |= Show(file, done, total), StopToken))
        {
            Write(start);
        }

        if (isShown)
        {
            WriteProgress(new ProgressRecord(ProgressId, $"Reading {file}", file) { RecordType = ProgressRecordType.Completed });
        }
    }

    // A text of several lines, as Get-Content -Raw gives it, is as good as its lines.
    private void ReadLines(string text)
    {
        _lines ??= new ServerLogReader();
        foreach (ReadOnlySpan<char> line in text.AsSpan().EnumerateLines())
        {
            if (_lines.Read(line, ++_lineNumber) is { } start)
            {
                Write(start);
            }
        }
    }

    private bool Show(string file, long done, long total)
    {
        if (_sinceProgress.Elapsed < s_tick || total == 0)
        {
            return false;
        }

        _sinceProgress.Restart();
        const double MiB = 1 << 20;
        WriteProgress(new ProgressRecord(ProgressId, $"Reading {file}", FormattableString.Invariant($"{done / MiB:0}/{total / MiB:0} MiB"))
        {
            PercentComplete = (int)Math.Clamp(100.0 * done / total, 0, 100),
        });
        return true;
    }

    /// <summary>What a log holds and cannot be true is a warning: its absence would look like a log that does not say.</summary>
    private void Write(ServerLogMeasurement start)
    {
        _startCount++;
        foreach (string note in start.Notes)
        {
            WriteWarning(start.Path is null ? note : $"{start.Path}: {note}");
        }

        WriteObject(start);
    }
}
