/* How does an element get on the chip? The two calls of a kernel that polyfuse emits, as plain copies.
 *
 * Replace this file by one that drives the machine's own DMA. A call copies an n-dimensional box and returns when the copy
 * is done. `extent` counts elements, outermost dimension first, and may be 0; strides are in bytes and may be negative or 0.
 */
#ifndef POLYFUSE_RT_H
#define POLYFUSE_RT_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

static inline void pf_copy_box(char *to, const char *from, size_t elem_bytes, int ndim, const size_t *extent,
                               const ptrdiff_t *to_stride, const ptrdiff_t *from_stride) {
  size_t k;
  if (ndim == 1 && to_stride[0] == (ptrdiff_t)elem_bytes && from_stride[0] == (ptrdiff_t)elem_bytes) {
    if (extent[0] > 0) memcpy(to, from, extent[0] * elem_bytes);
    return;
  }
  for (k = 0; k < extent[0]; k++) {
    char *t = to + (ptrdiff_t)k * to_stride[0];
    const char *f = from + (ptrdiff_t)k * from_stride[0];
    if (ndim == 1)
      memcpy(t, f, elem_bytes);
    else
      pf_copy_box(t, f, elem_bytes, ndim - 1, extent + 1, to_stride + 1, from_stride + 1);
  }
}

/* DRAM to scratchpad. */
static inline void pf_load(void *scratch, const void *dram, size_t elem_bytes, int ndim, const size_t *extent,
                           const ptrdiff_t *scratch_stride, const ptrdiff_t *dram_stride) {
  pf_copy_box((char *)scratch, (const char *)dram, elem_bytes, ndim, extent, scratch_stride, dram_stride);
}

/* Scratchpad to DRAM. */
static inline void pf_store(void *dram, const void *scratch, size_t elem_bytes, int ndim, const size_t *extent,
                            const ptrdiff_t *dram_stride, const ptrdiff_t *scratch_stride) {
  pf_copy_box((char *)dram, (const char *)scratch, elem_bytes, ndim, extent, dram_stride, scratch_stride);
}

#ifdef __cplusplus
}
#endif

#endif
