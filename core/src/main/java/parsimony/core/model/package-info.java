/**
 * The transformer, made of seams: a {@code Transformer} is a stack of {@code Block}s, whose {@code Linear}s hold a {@code WeightStorage} each, whose
 * attention goes through an {@code AttentionKernel} and a {@code KvCache}, and whose positions come from a {@code PositionEncoding}.
 */
package parsimony.core.model;
