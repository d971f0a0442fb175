/**
 * A smaller memory of the past: paged, quantized and evicting caches. A technique here says what makes the caches of a model; what evicts is a policy of one method that says which
 * entries of a head stay, in a cache that owns storage, positions and the order of things.
 */
package parsimony.kvcache;
