//! A doubly linked list over `0..n` from which members are taken and put back in last-in-first-out order.

/// The list. `n` itself is the end.
#[derive(Debug)]
pub(super) struct Links {
    next: Vec<u32>,
    previous: Vec<u32>,
    end: u32,
}

impl Links {
    /// A list of `members`, in this order; each below `members.len()`, each once.
    pub(super) fn new(members: &[u32]) -> Self {
        let end = u32::try_from(members.len()).expect("fewer than 2^32 operations");
        let mut links = Self {
            next: vec![end; members.len() + 1],
            previous: vec![end; members.len() + 1],
            end,
        };
        let mut last = end;
        for member in members {
            links.next[last as usize] = *member;
            links.previous[*member as usize] = last;
            last = *member;
        }
        links.previous[end as usize] = last;
        links
    }

    pub(super) fn first(&self) -> Option<u32> {
        self.after(self.end)
    }

    /// The member after this one, which may itself have been taken since.
    pub(super) fn after(&self, member: u32) -> Option<u32> {
        let next = self.next[member as usize];
        (next != self.end).then_some(next)
    }

    pub(super) fn take(&mut self, member: u32) {
        let (previous, next) = (self.previous[member as usize], self.next[member as usize]);
        self.next[previous as usize] = next;
        self.previous[next as usize] = previous;
    }

    /// Undoes the latest [`Links::take`] that was not undone, which must have been of this member.
    pub(super) fn put_back(&mut self, member: u32) {
        let (previous, next) = (self.previous[member as usize], self.next[member as usize]);
        self.next[previous as usize] = member;
        self.previous[next as usize] = member;
    }

    pub(super) fn bytes(&self) -> usize {
        (self.next.capacity() + self.previous.capacity()) * size_of::<u32>()
    }
}
