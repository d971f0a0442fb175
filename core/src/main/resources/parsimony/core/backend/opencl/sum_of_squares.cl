// The sum of the squares of a piece of x for each group; the host adds up the groups' sums in double precision.
kernel void sum_of_squares(int count, global const float *x, global float *sums, local float *partial) {
    float sum = 0;
    for (int i = get_global_id(0); i < count; i += get_global_size(0)) {
        sum += x[i] * x[i];
    }
    sum = group_sum(sum, partial);
    if (get_local_id(0) == 0) {
        sums[get_group_id(0)] = sum;
    }
}
