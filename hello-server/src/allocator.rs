//! The allocator of the programs around handlers.

#![allow(unsafe_code)] // An allocator cannot do without.

use std::alloc::{GlobalAlloc, Layout};

use mimalloc::MiMalloc;

/// mimalloc, asked for an alignment only where it would not give it anyway: to be asked takes it twice as long, which the crate's own
/// `MiMalloc` does for every block. 3 % of a request.
pub struct Allocator;

/// Whether C's malloc aligns like this by itself: to any object that fits, up to `max_align_t`, 16 bytes on the processors that we know.
fn is_natural(layout: Layout) -> bool {
    layout.align() <= 16 && layout.align() <= layout.size()
}

// SAFETY: of the same heap, so either way's blocks may be freed and resized by the other.
unsafe impl GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if is_natural(layout) {
            // SAFETY: any size is sound.
            unsafe { libmimalloc_sys::mi_malloc(layout.size()).cast() }
        } else {
            // SAFETY: the caller's contract is the same.
            unsafe { MiMalloc.alloc(layout) }
        }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if is_natural(layout) {
            // SAFETY: any size is sound.
            unsafe { libmimalloc_sys::mi_zalloc(layout.size()).cast() }
        } else {
            // SAFETY: the caller's contract is the same.
            unsafe { MiMalloc.alloc_zeroed(layout) }
        }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller's contract is the same.
        unsafe { MiMalloc.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller's contract is the same.
        unsafe { MiMalloc.realloc(block, layout, size) }
    }
}
