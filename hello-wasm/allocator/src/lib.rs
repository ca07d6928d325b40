//! The allocator of the components: free lists, one per size of small blocks, in front of the `malloc` of wasi-libc.
//!
//! A request allocates some 40 blocks, each of which costs `malloc` 310 instructions. Every block here comes from `malloc`, and may be
//! released with `free`: libc does so with blocks that the host's calls pass to it. README.md has the measurements.

#![cfg(any(test, all(target_family = "wasm", not(target_feature = "atomics"))))]
#![allow(unsafe_code)] // GlobalAlloc is an unsafe trait.
#![allow(clippy::cast_ptr_alignment)] // Blocks of `malloc` are aligned for a pointer.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    ptr::null_mut,
};

/// Number of sizes of small blocks.
const SIZES: usize = 32;

/// Alignment of every block of `malloc`. (The `max_align_t` of C needs 16 bytes; 8 suffice here.)
const ALIGNMENT: usize = 8;

/// Bytes in the smallest block of `malloc`, and the step to the next size. With other sizes, `malloc` would round blocks up.
const SMALLEST: usize = 12;
const STEP: usize = 16;

/// Allocator: lists of free blocks, one per size.
pub struct FreeLists {
    /// The first block of each list; a free block has the address of the next one.
    first: [Cell<*mut u8>; SIZES],
}

// SAFETY: a component without atomics has one thread.
#[cfg(target_family = "wasm")]
unsafe impl Sync for FreeLists {}

impl FreeLists {
    /// Creates empty lists.
    #[must_use]
    #[allow(clippy::new_without_default)] // A static cannot use it.
    pub const fn new() -> Self {
        FreeLists { first: [const { Cell::new(null_mut()) }; SIZES] }
    }
}

/// Returns the index of the list for a small block.
fn list_of(layout: Layout) -> Option<usize> {
    let list = (layout.size() + STEP - SMALLEST - 1) / STEP;
    (list < SIZES && layout.align() <= ALIGNMENT).then_some(list)
}

unsafe impl GlobalAlloc for FreeLists {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let Some(list) = list_of(layout) else { return unsafe { System.alloc(layout) } };
        let first = &self.first[list];
        let block = first.get();
        if block.is_null() {
            return unsafe { System.alloc(Layout::from_size_align_unchecked(SMALLEST + list * STEP, ALIGNMENT)) };
        }
        first.set(unsafe { block.cast::<*mut u8>().read() });
        block
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        let Some(list) = list_of(layout) else { return unsafe { System.dealloc(block, layout) } };
        let first = &self.first[list];
        unsafe { block.cast::<*mut u8>().write(first.get()) };
        first.set(block);
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let wanted = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        match (list_of(layout), list_of(wanted)) {
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
    use proptest::{collection::vec, prelude::*, sample::Index};

    use super::*;

    #[derive(Clone, Debug)]
    enum Step {
        Allocate(Layout),
        /// Another size for one of the blocks.
        Reallocate(Index, usize),
        Free(Index),
    }

    /// Sizes around those of the lists, and larger ones.
    fn size() -> impl Strategy<Value = usize> {
        prop_oneof![4 => 1..200_usize, 1 => 480..520_usize, 1 => 1..5000_usize]
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            3 => (size(), 0..6_u32).prop_map(|(size, align)| {
                Step::Allocate(Layout::from_size_align(size, 1 << align).expect("a layout"))
            }),
            2 => (any::<Index>(), size()).prop_map(|(index, size)| Step::Reallocate(index, size)),
            2 => any::<Index>().prop_map(Step::Free),
        ]
    }

    /// A block, and the byte that it is filled with.
    struct Block {
        at: *mut u8,
        layout: Layout,
        byte: u8,
    }

    impl Block {
        fn fill(&self) {
            unsafe { self.at.write_bytes(self.byte, self.layout.size()) };
        }

        fn is_filled(&self, length: usize) -> bool {
            unsafe { std::slice::from_raw_parts(self.at, length) }.iter().all(|&byte| byte == self.byte)
        }
    }

    fn config() -> ProptestConfig {
        // Miri is a thousand times slower, and has no files.
        let cases = if cfg!(miri) { 4 } else { 512 };
        ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
    }

    proptest! {
        #![proptest_config(config())]
        /// Blocks never overlap: each still has its own bytes, whatever happens to others.
        #[test]
        fn blocks_keep_their_bytes_and_are_aligned(steps in vec(step(), 1..400)) {
            let allocator = FreeLists::new();
            let mut blocks: Vec<Block> = Vec::new();
            for (number, step) in steps.into_iter().enumerate() {
                match step {
                    Step::Allocate(layout) => {
                        let byte = number.to_le_bytes()[0];
                        let block = Block { at: unsafe { allocator.alloc(layout) }, layout, byte };
                        prop_assert_eq!(block.at.align_offset(layout.align()), 0);
                        block.fill();
                        blocks.push(block);
                    }
                    Step::Reallocate(index, size) if !blocks.is_empty() => {
                        let block = index.get_mut(&mut blocks);
                        let kept = size.min(block.layout.size());
                        block.at = unsafe { allocator.realloc(block.at, block.layout, size) };
                        block.layout = Layout::from_size_align(size, block.layout.align()).expect("a layout");
                        prop_assert!(block.is_filled(kept));
                        prop_assert_eq!(block.at.align_offset(block.layout.align()), 0);
                        block.fill();
                    }
                    Step::Free(index) if !blocks.is_empty() => {
                        let block = blocks.swap_remove(index.index(blocks.len()));
                        prop_assert!(block.is_filled(block.layout.size()));
                        unsafe { allocator.dealloc(block.at, block.layout) };
                    }
                    Step::Reallocate(..) | Step::Free(_) => {}
                }
            }
            for block in blocks {
                prop_assert!(block.is_filled(block.layout.size()));
                unsafe { allocator.dealloc(block.at, block.layout) };
            }
        }
    }

    #[test]
    fn freed_block_is_reused_for_the_same_size() {
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
