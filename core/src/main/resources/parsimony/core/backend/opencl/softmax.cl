// softmax over rows, in place, and each row's log of the sum of exponentials. Three walks over a row by the items of one group: for the greatest
// number, which is subtracted so that no exponential overflows; for the exponentials and their sum; for the division. (attention.cl does all
// three in one walk.) A row of -infinity becomes zeros.
kernel void softmax(int columns, global float *x, global float *logSums, local float *partial) {
    int lane = get_local_id(0);
    size_t row = get_group_id(1);
    global float *numbers = x + row * columns;
    float greatest = -INFINITY;
    for (int first = 0; first < columns; first += get_local_size(0)) {
        int i = first + lane;
        if (i < columns) {
            greatest = fmax(greatest, numbers[i]);
        }
    }
    greatest = group_max(greatest, partial);
    int empty = greatest == -INFINITY;
    float sum = 0;
    for (int first = 0; first < columns; first += get_local_size(0)) {
        int i = first + lane;
        if (i < columns) {
            float p = empty ? 0 : exp(numbers[i] - greatest);
            numbers[i] = p;
            sum += p;
        }
    }
    sum = group_sum(sum, partial);
    for (int first = 0; first < columns; first += get_local_size(0)) {
        int i = first + lane;
        if (i < columns) {
            numbers[i] = empty ? 0 : numbers[i] / sum;
        }
    }
    if (lane == 0) {
        logSums[row] = empty ? -INFINITY : greatest + log(sum);
    }
}
