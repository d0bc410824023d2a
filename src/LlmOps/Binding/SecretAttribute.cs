using System.Management.Automation;
using System.Security;

namespace LlmOps.Binding;

/// <summary>Takes a secret as a secure string or, from scripts that hold it in a variable, as plain text.</summary>
[AttributeUsage(AttributeTargets.Property)]
internal sealed class SecretAttribute : ArgumentTransformationAttribute
{
    public override object Transform(EngineIntrinsics engineIntrinsics, object inputData)
    {
        switch (inputData is PSObject wrapped ? wrapped.BaseObject : inputData)
        {
            case SecureString secret:
                return secret;
            case string text:
                SecureString secure = new();
                foreach (char c in text)
                {
                    secure.AppendChar(c);
                }

                secure.MakeReadOnly();
                return secure;
            case null:
                return null!;
            default:
                // Without the value, which may hold the secret.
                throw new ArgumentTransformationMetadataException("A secret is a secure string or a text.");
        }
    }
}
