// Adding up what the items of a group hold: a tree in local memory, the small fast memory that a group shares. In each round the lower half of the
// items adds what the upper half holds, so 64 numbers take 6 rounds. A barrier between rounds waits until all items have written. The order of
// the additions depends on the size of the group alone, so the same numbers give the same sum every time.
//
// This file is put before the kernels that need it. The size of the group is a power of two; partial has room for one number an item.

float group_sum(float mine, local float *partial) {
    int lane = get_local_id(0);
    partial[lane] = mine;
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int width = get_local_size(0) / 2; width > 0; width /= 2) {
        if (lane < width) {
            partial[lane] += partial[lane + width];
        }
        barrier(CLK_LOCAL_MEM_FENCE);
    }
    float sum = partial[0];
    // The next reduction must not overwrite what another item has not read yet.
    barrier(CLK_LOCAL_MEM_FENCE);
    return sum;
}

float group_max(float mine, local float *partial) {
    int lane = get_local_id(0);
    partial[lane] = mine;
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int width = get_local_size(0) / 2; width > 0; width /= 2) {
        if (lane < width) {
            partial[lane] = fmax(partial[lane], partial[lane + width]);
        }
        barrier(CLK_LOCAL_MEM_FENCE);
    }
    float max = partial[0];
    barrier(CLK_LOCAL_MEM_FENCE);
    return max;
}
