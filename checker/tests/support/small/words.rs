//! Values and functions, packed.

use rashomon_checker::Value;

/// Cells that a row can have: the longest text of ten appends, and what spoiling adds.
const LEN: usize = 23;

/// A cell that holds nil.
pub(crate) const NIL: i8 = i8::MIN;

/// A short row of numbers. Cells behind its end are zero, so that equal rows are equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) struct Row {
    len: u8,
    cells: [i8; LEN],
}

impl Row {
    pub(crate) fn of(cells: &[i8]) -> Self {
        let mut row = Self::default();
        for cell in cells {
            row.push(*cell);
        }
        row
    }

    pub(crate) fn cells(&self) -> &[i8] {
        &self.cells[..usize::from(self.len)]
    }

    pub(crate) fn cells_mut(&mut self) -> &mut [i8] {
        &mut self.cells[..usize::from(self.len)]
    }

    pub(crate) fn push(&mut self, cell: i8) {
        self.cells[usize::from(self.len)] = cell;
        self.len += 1;
    }

    pub(crate) fn remove(&mut self, at: usize) -> i8 {
        let removed = self.cells[at];
        self.cells.copy_within(at + 1.., at);
        self.cells[LEN - 1] = 0;
        self.len -= 1;
        removed
    }

    pub(crate) fn is_full(&self) -> bool {
        usize::from(self.len) == LEN
    }

    pub(crate) fn get(&self, at: usize) -> Option<i8> {
        self.cells().get(at).copied()
    }
}

/// An argument or an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Word {
    Nil,
    Int(i8),
    Bool(bool),
    /// Numbers, some perhaps nil.
    List(Row),
    /// Letters, `a` is 0.
    Text(Row),
    /// Steps of a transaction, three cells each: whether it writes, the register, the value.
    Steps(Row),
}

impl Word {
    /// The number, or nil.
    pub(crate) fn from_cell(cell: i8) -> Self {
        if cell == NIL { Self::Nil } else { Self::Int(cell) }
    }

    /// The number as a cell; nil for all that is none.
    pub(crate) fn cell(self) -> i8 {
        if let Self::Int(number) = self { number } else { NIL }
    }

    /// The row, if it is one.
    pub(crate) fn row(self) -> Option<Row> {
        match self {
            Self::List(row) | Self::Text(row) | Self::Steps(row) => Some(row),
            Self::Nil | Self::Int(_) | Self::Bool(_) => None,
        }
    }

    pub(crate) fn to_value(self) -> Value {
        let number = |cell: i8| if cell == NIL { Value::Nil } else { Value::Int(i64::from(cell)) };
        match self {
            Self::Nil => Value::Nil,
            Self::Int(cell) => number(cell),
            Self::Bool(truth) => Value::Bool(truth),
            Self::List(row) => Value::List(row.cells().iter().map(|cell| number(*cell)).collect()),
            Self::Text(row) => {
                let letters =
                    row.cells().iter().map(|cell| char::from(b'a' + cell.cast_unsigned()));
                Value::Text(letters.collect())
            }
            Self::Steps(row) => {
                let steps = row.cells().chunks(3).map(|step| {
                    let f = Value::from(if step[0] == 1 { "write" } else { "read" });
                    let register = Value::from(REGISTERS[step[1].unsigned_abs() as usize]);
                    Value::List(vec![f, register, number(step[2])])
                });
                Value::List(steps.collect())
            }
        }
    }
}

/// Names of the registers of a transaction.
const REGISTERS: [&str; 2] = ["x", "y"];

macro_rules! functions {
    ($($name:ident $text:literal,)*) => {
        /// What an operation does.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum F {
            $($name,)*
        }

        impl F {
            pub(crate) fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }

            pub(crate) fn from_name(name: &str) -> Option<Self> {
                match name {
                    $($text => Some(Self::$name),)*
                    _ => None,
                }
            }
        }
    };
}

functions! {
    Acquire "acquire",
    Add "add",
    AddAndGet "add-and-get",
    Append "append",
    Cas "cas",
    CasRevision "cas-revision",
    Contains "contains",
    Delete "delete",
    DeleteMin "delete-min",
    Dequeue "dequeue",
    Enqueue "enqueue",
    Get "get",
    Increment "increment",
    Insert "insert",
    Pop "pop",
    Push "push",
    Put "put",
    Read "read",
    Release "release",
    Remove "remove",
    Txn "txn",
    Write "write",
}

impl F {
    /// Whether it answers more than that it was done, of any model.
    pub(crate) fn asks(self) -> bool {
        matches!(
            self,
            Self::Read
                | Self::Get
                | Self::Txn
                | Self::Contains
                | Self::AddAndGet
                | Self::Dequeue
                | Self::Pop
                | Self::DeleteMin
        )
    }
}
