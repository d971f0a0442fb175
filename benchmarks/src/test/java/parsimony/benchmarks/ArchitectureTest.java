package parsimony.benchmarks;

import static com.tngtech.archunit.base.DescribedPredicate.alwaysTrue;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideOutsideOfPackage;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.Architectures.layeredArchitecture;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.core.importer.Location;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;

/** What may know what. A rule that is in the way is changed here, on purpose, or not at all. */
@AnalyzeClasses(
        packages = "parsimony",
        importOptions = {ImportOption.DoNotIncludeTests.class, ArchitectureTest.WithoutTestJars.class})
class ArchitectureTest {
    /** The tests that core shares with the other modules come as a jar. */
    static final class WithoutTestJars implements ImportOption {
        @Override
        public boolean includes(Location location) {
            return !location.contains("-tests.jar");
        }
    }

    private static final String[] TECHNIQUES = {
        "parsimony.quantization..",
        "parsimony.pruning..",
        "parsimony.lora..",
        "parsimony.attention..",
        "parsimony.kvcache..",
        "parsimony.speculative.."
    };

    @ArchTest
    static final ArchRule core_knows_no_technique = noClasses()
            .that()
            .resideInAPackage("parsimony.core..")
            .should()
            .dependOnClassesThat(resideInAPackage("parsimony..").and(resideOutsideOfPackage("parsimony.core..")));

    @ArchTest
    static final ArchRule techniques_do_not_know_the_bench = noClasses()
            .that()
            .resideInAnyPackage(TECHNIQUES)
            .should()
            .dependOnClassesThat()
            .resideInAPackage("parsimony.benchmarks..")
            .allowEmptyShould(true);

    @ArchTest
    static final ArchRule techniques_do_not_know_each_other = slices().matching("parsimony.(*)..")
            .should()
            .notDependOnEachOther()
            .ignoreDependency(alwaysTrue(), resideInAPackage("parsimony.core.."));

    @ArchTest
    static final ArchRule benchmarks_name_no_technique = noClasses()
            .that()
            .resideInAPackage("parsimony.benchmarks..")
            .should()
            .dependOnClassesThat()
            .resideInAnyPackage(TECHNIQUES)
            .because("techniques are found through ServiceLoader");

    @ArchTest
    static final ArchRule the_vector_api_stays_below_vector = noClasses()
            .that()
            .resideOutsideOfPackage("..vector..")
            .should()
            .dependOnClassesThat()
            .resideInAPackage("jdk.incubator.vector..");

    @ArchTest
    static final ArchRule nd4j_stays_below_nd4j_but_for_benchmarks_of_it = noClasses()
            .that()
            .resideOutsideOfPackages("..nd4j..", "parsimony.benchmarks.jmh..", "parsimony.benchmarks.peers..")
            .should()
            .dependOnClassesThat()
            .resideInAnyPackage("org.nd4j..", "org.bytedeco..");

    @ArchTest
    static final ArchRule opencl_stays_below_opencl = noClasses()
            .that()
            .resideOutsideOfPackage("..opencl..")
            .should()
            .dependOnClassesThat()
            .resideInAnyPackage("parsimony.core.backend.opencl..", "org.lwjgl..", "org.jocl..")
            .because("the library may be missing, and only this package calls it");

    @ArchTest
    static final ArchRule backends_are_asked_for_by_name = noClasses()
            .that()
            .resideOutsideOfPackages("parsimony.core.backend..", "parsimony.benchmarks.jmh..")
            .should()
            .dependOnClassesThat()
            .resideInAnyPackage("parsimony.core.backend.vector..", "parsimony.core.backend.nd4j..")
            .because("a backend that cannot run here must not take others down with it");

    @ArchTest
    static final ArchRule core_has_no_cycles =
            slices().matching("parsimony.core.(*)..").should().beFreeOfCycles();

    @ArchTest
    static final ArchRule core_is_built_from_the_ground_up = layeredArchitecture()
            .consideringOnlyDependenciesInAnyPackage("parsimony.core..")
            .layer("tensor")
            .definedBy("parsimony.core.tensor..")
            .layer("backend")
            .definedBy("parsimony.core.backend..")
            .layer("autograd")
            .definedBy("parsimony.core.autograd..")
            .layer("model")
            .definedBy("parsimony.core.model..")
            .whereLayer("tensor")
            .mayNotAccessAnyLayer()
            .whereLayer("backend")
            .mayOnlyAccessLayers("tensor")
            .whereLayer("autograd")
            .mayOnlyAccessLayers("tensor", "backend")
            .whereLayer("model")
            .mayOnlyAccessLayers("tensor", "backend", "autograd");
}
