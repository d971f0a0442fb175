// -log softmax(logits)[target] of each row, and its gradient in place of the logits: gradientScale * (softmax(logits) - 1 at the target). One group a row, which it
// walks over for the greatest logit, for the sum of exponentials and, if a gradient is wanted, for that. A row without a target, -1, costs nothing.
kernel void cross_entropy(
        int columns,
        float gradientScale, // 0: the logits stay
        global float *logits,
        global const int *targets,
        global float *losses,
        local float *partial) {
    int lane = get_local_id(0);
    size_t row = get_group_id(1);
    int target = targets[row];
    global float *x = logits + row * columns;
    float greatest = -INFINITY;
    for (int i = lane; i < columns; i += get_local_size(0)) {
        greatest = fmax(greatest, x[i]);
    }
    greatest = group_max(greatest, partial);
    float sum = 0;
    for (int i = lane; i < columns; i += get_local_size(0)) {
        sum += exp(x[i] - greatest);
    }
    sum = group_sum(sum, partial);
    if (lane == 0) {
        losses[row] = target < 0 ? 0 : greatest + log(sum) - x[target];
    }
    // The gradient overwrites the logit that the loss was computed from.
    barrier(CLK_GLOBAL_MEM_FENCE);
    if (gradientScale != 0) {
        for (int i = lane; i < columns; i += get_local_size(0)) {
            float p = exp(x[i] - greatest) / sum;
            x[i] = target < 0 ? 0 : gradientScale * (p - (i == target));
        }
    }
}
