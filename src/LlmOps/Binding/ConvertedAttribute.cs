using System.Collections;
using System.Globalization;
using System.Management.Automation;
using LlmOps.Core;

namespace LlmOps.Binding;

/// <summary>
/// Converts numbers and enumerated values strictly. PowerShell's own conversion rounds 2.5 to 2 and reads "0,87" as 87, and
/// where a record's property cannot be converted at all, it leaves the parameter at its default and says nothing. Here each
/// is an error of its record. Null and blanks, as an empty cell of a table gives, are as good as an absent value wherever that is allowed,
/// on the command line and of a record alike; a blank beside other values of a list is a wrong value.
/// </summary>
[AttributeUsage(AttributeTargets.Property)]
internal sealed class ConvertedAttribute : ArgumentTransformationAttribute
{
    private readonly Type _type;
    private readonly bool _isNullable;

    /// <param name="type">
    /// Of one value: <see cref="int"/>, <see cref="long"/>, <see cref="double"/>, <see cref="bool"/> or an enumeration; nullable for a single
    /// value that may be blank.
    /// </param>
    public ConvertedAttribute(Type type)
    {
        _type = Nullable.GetUnderlyingType(type) ?? type;
        _isNullable = _type != type;
    }

    /// <summary>Whether the parameter takes one value, and not a list.</summary>
    public bool IsSingle { get; set; }

    public override object Transform(EngineIntrinsics engineIntrinsics, object inputData)
    {
        object? value = Unwrap(inputData);
        if ((_isNullable || !IsSingle) && IsBlank(value))
        {
            return null!;
        }

        if (IsSingle)
        {
            return Convert(value);
        }

        object?[] values = value is IEnumerable list and not string ? [.. list.Cast<object?>().Select(Unwrap)] : [value];
        if (Array.TrueForAll(values, IsBlank))
        {
            return null!;
        }

        Array converted = Array.CreateInstance(_type, values.Length);
        for (int i = 0; i < values.Length; i++)
        {
            converted.SetValue(Convert(values[i]), i);
        }

        return converted;
    }

    private object Convert(object? value)
    {
        if (_type.IsInstanceOfType(value))
        {
            return value!;
        }

        if (_type.IsEnum)
        {
            return ConvertToEnum(value);
        }

        if (_type == typeof(string))
        {
            // What the value names is checked where names are known, which says the nearest of them.
            return System.Convert.ToString(value, CultureInfo.InvariantCulture) ?? "";
        }

        if (_type == typeof(bool))
        {
            return ConvertToSwitch(value);
        }

        double number = value switch
        {
            string text when double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double parsed) => parsed,
            sbyte or byte or short or ushort or int or uint or long or ulong or float or double or decimal =>
                System.Convert.ToDouble(value, CultureInfo.InvariantCulture),
            _ => throw Refused(value, _type == typeof(double) ? "a number, such as 0.87" : "a whole number"),
        };
        if (_type == typeof(double))
        {
            return number;
        }

        // Whole numbers beyond 2^53 are refused by every bound that they are later held against.
        (double least, double most) = _type == typeof(int) ? (int.MinValue, int.MaxValue) : (-9e18, 9e18);
        if (!double.IsInteger(number) || number < least || number > most)
        {
            throw Refused(value, FormattableString.Invariant($"a whole number of at most {most:0.#######e+0}"));
        }

        return _type == typeof(int) ? (object)(int)number : (long)number;
    }

    /// <summary>A switch on the command line, and True or False in a table.</summary>
    private static object ConvertToSwitch(object? value) => value switch
    {
        SwitchParameter present => present.IsPresent,
        string text when bool.TryParse(text.Trim(), out bool parsed) => parsed,
        null => false,
        string text when string.IsNullOrWhiteSpace(text) => false,
        _ => throw Refused(value, "True or False"),
    };

    private object ConvertToEnum(object? value)
    {
        string text = System.Convert.ToString(value, CultureInfo.InvariantCulture) ?? "";
        if (EnumNames.Find(_type, text) is { } found)
        {
            return found;
        }

        IReadOnlyList<string> names = EnumNames.All(_type);
        string hint = NameMatcher.Suggest(text, names);
        throw Refused(value, $"one of {string.Join(", ", names)}", hint);
    }

    // Without an inner cast exception: that is what PowerShell would pass over in silence.
    private static ArgumentTransformationMetadataException Refused(object? value, string expected, string hint = "") =>
        new(FormattableString.Invariant($"'{value}' is not {expected}.{hint}"));

    private static bool IsBlank(object? value) => value is null || (value is string text && string.IsNullOrWhiteSpace(text));

    private static object? Unwrap(object? value) => value is PSObject wrapped ? wrapped.BaseObject : value;
}
