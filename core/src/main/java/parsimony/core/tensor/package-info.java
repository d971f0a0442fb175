/** Numbers in memory: activations as {@link Tensor}, weights as {@link WeightStorage} in whatever form they are kept. */
package parsimony.core.tensor;
