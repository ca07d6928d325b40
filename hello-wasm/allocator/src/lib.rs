//! The allocator of the components: a small block that is freed waits in a list of its size for the next request of that size.
//!
//! A request takes and frees some 40 blocks, and to the `malloc` of wasi-libc each is 310 instructions. This keeps no memory of its
//! own: every block comes from `malloc`, and may go back to `free`, as the blocks do that the host's calls leave with libc.

#![cfg(any(test, all(target_family = "wasm", not(target_feature = "atomics"))))]
#![allow(unsafe_code)] // An allocator cannot do without.
#![allow(clippy::cast_ptr_alignment)] // What `malloc` gives is aligned for a pointer.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    ptr::null_mut,
};

/// Sizes of small blocks.
const SIZES: usize = 32;

/// The alignment that `malloc` gives, whatever it is asked for (`max_align_t` is 16 bytes in C, 8 are enough here).
const ALIGNMENT: usize = 8;

/// What `malloc` can hold in its smallest block, and by how much the next one is larger: with any other sizes, blocks would be
/// larger than what they are asked for.
const SMALLEST: usize = 12;
const STEP: usize = 16;

/// Lists of free blocks, by size.
pub struct FreeLists {
    first: [Cell<*mut u8>; SIZES],
}

// SAFETY: a component without atomics has one thread.
#[cfg(target_family = "wasm")]
unsafe impl Sync for FreeLists {}

impl FreeLists {
    /// Without a block.
    #[must_use]
    #[allow(clippy::new_without_default)] // A static cannot use it.
    pub const fn new() -> Self {
        FreeLists { first: [const { Cell::new(null_mut()) }; SIZES] }
    }
}

/// Which of the sizes a small block has.
fn size_of_block(layout: Layout) -> Option<usize> {
    let size = (layout.size() + STEP - SMALLEST - 1) / STEP;
    (size < SIZES && layout.align() <= ALIGNMENT).then_some(size)
}

unsafe impl GlobalAlloc for FreeLists {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let Some(size) = size_of_block(layout) else { return unsafe { System.alloc(layout) } };
        let first = &self.first[size];
        let block = first.get();
        if block.is_null() {
            return unsafe { System.alloc(Layout::from_size_align_unchecked(SMALLEST + size * STEP, ALIGNMENT)) };
        }
        first.set(unsafe { block.cast::<*mut u8>().read() });
        block
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        let Some(size) = size_of_block(layout) else { return unsafe { System.dealloc(block, layout) } };
        let first = &self.first[size];
        unsafe { block.cast::<*mut u8>().write(first.get()) };
        first.set(block);
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let wanted = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        match (size_of_block(layout), size_of_block(wanted)) {
            (None, None) => unsafe { System.realloc(block, layout, size) },
            (Some(old), Some(new)) if old == new => block,
            _ => unsafe {
                let moved = self.alloc(wanted);
                if !moved.is_null() {
                    moved.copy_from_nonoverlapping(block, layout.size().min(size));
                    self.dealloc(block, layout);
                }
                moved
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A block, and the byte that it is filled with.
    struct Block {
        at: *mut u8,
        layout: Layout,
        filled_with: u8,
    }

    impl Block {
        fn fill(&self) {
            unsafe { self.at.write_bytes(self.filled_with, self.layout.size()) };
        }

        fn is_whole(&self, length: usize) -> bool {
            unsafe { std::slice::from_raw_parts(self.at, length) }.iter().all(|byte| *byte == self.filled_with)
        }
    }

    #[test]
    fn blocks_keep_what_is_in_them_and_are_aligned() {
        let allocator = FreeLists::new();
        let mut blocks: Vec<Block> = Vec::new();
        let mut random = 1_u64;
        let mut below = |limit: usize| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(random >> 40).unwrap() % limit
        };
        for step in 0..100_000_u32 {
            let size = 1 + below(if step % 8 == 0 { 4096 } else { 200 });
            match below(3) {
                0 if !blocks.is_empty() => {
                    let block = blocks.swap_remove(below(blocks.len()));
                    assert!(block.is_whole(block.layout.size()));
                    unsafe { allocator.dealloc(block.at, block.layout) };
                }
                1 if !blocks.is_empty() => {
                    let index = below(blocks.len());
                    let block = &mut blocks[index];
                    let kept = size.min(block.layout.size());
                    block.at = unsafe { allocator.realloc(block.at, block.layout, size) };
                    block.layout = Layout::from_size_align(size, block.layout.align()).unwrap();
                    assert!(block.is_whole(kept));
                    block.fill();
                }
                _ => {
                    let layout = Layout::from_size_align(size, 1 << below(6)).unwrap();
                    let block =
                        Block { at: unsafe { allocator.alloc(layout) }, layout, filled_with: step.to_le_bytes()[0] };
                    assert_eq!(block.at.align_offset(layout.align()), 0);
                    block.fill();
                    blocks.push(block);
                }
            }
        }
        for block in blocks {
            assert!(block.is_whole(block.layout.size()));
            unsafe { allocator.dealloc(block.at, block.layout) };
        }
    }

    #[test]
    fn a_freed_block_is_the_next_of_its_size() {
        let allocator = FreeLists::new();
        let layout = Layout::from_size_align(40, 8).unwrap();
        let smaller = Layout::from_size_align(30, 1).unwrap();
        unsafe {
            let block = allocator.alloc(layout);
            allocator.dealloc(block, layout);
            assert_eq!(allocator.alloc(smaller), block);
            assert_eq!(allocator.realloc(block, smaller, 44), block);
            allocator.dealloc(block, Layout::from_size_align(44, 1).unwrap());
        }
    }
}
