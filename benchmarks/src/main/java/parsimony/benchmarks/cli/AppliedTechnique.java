package parsimony.benchmarks.cli;

import parsimony.core.technique.TechniqueException;
import parsimony.core.technique.TechniqueSpec;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/**
 * The value of an {@code --apply}.
 *
 * @param text as it was given
 */
record AppliedTechnique(String text, TechniqueSpec spec) {
    /** Reads it, so that a mistake in it is a mistake in the call. */
    static final class Converter implements ITypeConverter<AppliedTechnique> {
        @Override
        public AppliedTechnique convert(String text) {
            try {
                return new AppliedTechnique(text, TechniqueSpec.parse(text));
            } catch (TechniqueException e) {
                throw new TypeConversionException(e.getMessage());
            }
        }
    }
}
