/**
 * Attention that reads less or remembers less: tiled exact kernels, shared heads, sparse patterns, linear attention and longer contexts.
 * A technique here implements {@code AttentionKernel}, {@code Visibility} or {@code PositionEncoding} of {@code core}.
 */
package parsimony.attention;
