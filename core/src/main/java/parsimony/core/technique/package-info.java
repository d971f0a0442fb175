/**
 * What a technique is, how it is told its options, how it is found, and the driver that takes post-training
 * compression through a model layer by layer. To add one: a public class with a {@code Paper} annotation that
 * extends {@code LayerwiseCompressor} or implements {@code Technique}, a record of options, a line in {@code
 * META-INF/services}, and a test that extends {@code TechniqueContract}.
 */
package parsimony.core.technique;
