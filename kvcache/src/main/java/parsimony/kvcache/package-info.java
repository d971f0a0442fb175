/**
 * A smaller memory of the past: paged, quantized and evicting caches. A technique here implements {@code KvCache} of {@code core};
 * eviction policies are one method that says which entries stay.
 */
package parsimony.kvcache;
