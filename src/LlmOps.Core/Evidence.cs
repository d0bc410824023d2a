namespace LlmOps.Core;

/// <summary>Where a number comes from, from the strongest ground to the weakest.</summary>
public enum Evidence
{
    /// <summary>Follows from the architecture by arithmetic.</summary>
    Exact,

    /// <summary>Was measured on the hardware or engine named in the source.</summary>
    Measured,

    /// <summary>A formula whose coefficients were fitted to measurements; the residuals give the bounds.</summary>
    Fitted,

    /// <summary>A vendor's data sheet or price list.</summary>
    Datasheet,

    /// <summary>A stated assumption that no measurement here supports yet.</summary>
    Assumed,
}
