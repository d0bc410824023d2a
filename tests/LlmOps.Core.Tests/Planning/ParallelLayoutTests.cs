using FsCheck.Fluent;
using LlmOps.Core.Memory;
using LlmOps.Core.Models;
using LlmOps.Core.Planning;
using LlmOps.Core.Precision;
using LlmOps.Core.Tests.Properties;

namespace LlmOps.Core.Tests.Planning;

public sealed class ParallelLayoutTests
{
    [Fact]
    public void A_dense_model_on_four_GPUs_is_divided_in_every_way_that_its_heads_allow() => Assert.Equal(
        ["TP1 DP4", "TP2 DP2", "TP1 PP2 DP2", "TP4", "TP2 PP2", "TP1 PP4"],
        Layouts("Llama-3.1-8B", 4));

    [Fact]
    public void Experts_are_divided_over_tensor_ranks_and_over_attention_groups()
    {
        string[] layouts = Layouts("DeepSeek-V3", 8);

        Assert.Contains("TP8 EP8", layouts);
        Assert.Contains("TP1 EP8 DP8", layouts);
        Assert.Contains("TP2 EP8 DP4", layouts);
        Assert.Contains("TP4 PP2 EP4", layouts);
        Assert.DoesNotContain(Layouts("Llama-3.1-70B", 8), layout => layout.Contains("EP"));
    }

    /// <summary>28 heads and 4 KV heads divide by 1, 2 and 4; eight ranks are none of them.</summary>
    [Fact]
    public void Heads_that_do_not_divide_leave_pipelines() => Assert.Equal(
        ["TP4 PP2", "TP2 PP4", "TP1 PP8"],
        Layouts("Qwen2.5-7B", 8).Where(layout => !layout.Contains("DP")));

    [Fact]
    public void An_odd_machine_leaves_GPUs_idle_or_divides_layers() => Assert.Equal(
        ["TP1 DP3", "TP2", "TP1 PP2", "TP1 PP3"],
        Layouts("Llama-3.1-8B", 3));

    [Fact]
    public void Llama_cpp_divides_layers_alone() => Assert.Equal(
        ["TP1 DP4", "TP1 PP2 DP2", "TP1 PP4"],
        ParallelLayout.Of(ModelCatalog.Get("Llama-3.1-8B"), 4, Engine.LlamaCpp).Select(layout => layout.ToString()));

    [Fact]
    public void Every_layout_is_one_that_the_estimators_accept_and_fits_the_machine()
    {
        var cases =
            from model in Samples.Model
            from gpus in Gen.Choose(1, 16)
            from engine in Gen.Elements(Engine.vLLM, Engine.SGLang, Engine.TensorRtLlm, Engine.LlamaCpp)
            select (model, gpus, engine);
        Always.Holds(cases, 1000, c =>
        {
            IReadOnlyList<ParallelLayout> layouts = ParallelLayout.Of(c.model, c.gpus, c.engine);
            Assert.NotEmpty(layouts);
            Assert.Equal(layouts.Count, layouts.Distinct().Count());
            Assert.All(layouts, layout =>
            {
                Assert.InRange(layout.GpuCount, 1, c.gpus);
                Assert.Equal(layout.GpuCount, layout.Parallelism.GpuCount);
                new MemoryRequest(c.model)
                {
                    Engine = c.engine,
                    Quantization = Quantization.BF16,
                    Parallelism = layout.OfCopy,
                }.Validate();
            });
        });
    }

    private static string[] Layouts(string model, int gpus) =>
        [.. ParallelLayout.Of(ModelCatalog.Get(model), gpus, Engine.vLLM).Select(layout => layout.ToString())];
}
