using System.Collections.Concurrent;
using System.Reflection;
using LlmOps.Core.Hardware;
using LlmOps.Core.Memory;
using LlmOps.Core.Models;
using LlmOps.Core.Precision;

namespace LlmOps.Cli.Rendering;

/// <summary>
/// Which properties of a record go into files: those of the core, by their names and in their order, so that a script finds
/// here what it finds in the module. What is itself a large object is left out or stands there by its name.
/// </summary>
internal sealed class RecordShape
{
    private static readonly ConcurrentDictionary<Type, RecordShape> s_shapes = [];

    /// <summary>Objects that their name stands for.</summary>
    private static readonly Type[] s_named = [typeof(GpuSpec), typeof(Quantization)];

    /// <summary>Groups of numbers: an object in JSON, columns in CSV.</summary>
    private static readonly Type[] s_groups = [typeof(DenseThroughput), typeof(ParameterBreakdown), typeof(MemoryBreakdown)];

    private RecordShape(Type type)
    {
        Fields = [.. type.GetProperties(BindingFlags.Public | BindingFlags.Instance)
            .Where(p => p.GetIndexParameters().Length == 0 && p.Name != "EqualityContract" && IsShown(p.PropertyType))
            .Select(p => new RecordField(p, s_groups.Contains(p.PropertyType) ? Of(p.PropertyType) : null))];
    }

    public IReadOnlyList<RecordField> Fields { get; }

    public static RecordShape Of(Type type) => s_shapes.GetOrAdd(type, t => new RecordShape(t));

    private static bool IsShown(Type declared)
    {
        Type type = Nullable.GetUnderlyingType(declared) ?? declared;
        return type.IsPrimitive || type.IsEnum || type == typeof(string) || type == typeof(DateOnly)
            || type.IsAssignableTo(typeof(IEnumerable<string>))
            || s_named.Contains(type) || s_groups.Contains(type);
    }
}

/// <summary>One property of a record.</summary>
/// <param name="Property">Where its value is.</param>
/// <param name="Group">The shape of the value where it is a group of numbers; else null.</param>
internal sealed record RecordField(PropertyInfo Property, RecordShape? Group)
{
    public string Name => Property.Name;

    /// <summary>The value; enums and named objects by their names, and no number that is none.</summary>
    public object? ValueOf(object record) => Property.GetValue(record) switch
    {
        Enum value => value.ToString(),
        GpuSpec gpu => gpu.Name,
        Quantization quantization => quantization.Name,
        double value when !double.IsFinite(value) => null,
        { } value => value,
        null => null,
    };
}
