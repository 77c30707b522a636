//! What a bound statement is made of.

use std::ops::ControlFlow;
use std::rc::Rc;
use std::sync::Arc;

use super::functions::Function;
use crate::error::Result;
use crate::store::{ChangeTable, TableData, TableDef};
use crate::tds::Named;
use crate::value::{Encoded, SqlType, Value};

/// An expression and its type.
#[derive(Debug, Clone)]
pub(crate) struct Typed {
    pub ex: Ex,
    pub ty: SqlType,
    pub nullable: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Op {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Math {
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
    And,
    Or,
    Xor,
}

#[derive(Debug, Clone)]
pub(crate) enum Ex {
    Const(Value),
    Var(String),
    /// How many queries further out, and which column there.
    Col(usize, usize),
    Cast {
        of: Box<Typed>,
        style: Option<Box<Typed>>,
        attempt: bool,
    },
    Compare(Op, Box<Typed>, Box<Typed>),
    And(Box<Typed>, Box<Typed>),
    Or(Box<Typed>, Box<Typed>),
    Not(Box<Typed>),
    IsNull(Box<Typed>, bool),
    In(Box<Typed>, Vec<Typed>, bool),
    InQuery(Box<Typed>, Rc<Plan>, bool),
    Like {
        text: Box<Typed>,
        pattern: Box<Typed>,
        escape: Option<char>,
        negated: bool,
    },
    Case(Vec<(Typed, Typed)>, Option<Box<Typed>>),
    Math(Math, Box<Typed>, Box<Typed>),
    Negate(Box<Typed>),
    Concat(Box<Typed>, Box<Typed>),
    Call(Function, Vec<Typed>),
    Scalar(Rc<Plan>),
    Exists(Rc<Plan>),
    /// The n-th aggregate of the query.
    Aggregate(usize),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AggregateKind {
    CountAll,
    Count,
    Min,
    Max,
    Sum,
    Avg,
    StringAgg,
}

#[derive(Debug, Clone)]
pub(crate) struct Aggregate {
    pub kind: AggregateKind,
    pub of: Option<Typed>,
    pub separator: Option<Typed>,
    pub distinct: bool,
    pub ty: SqlType,
}

/// A query.
#[derive(Debug)]
pub(crate) enum Plan {
    Select(Box<SelectPlan>),
    Values { columns: Vec<Named>, rows: Vec<Vec<Typed>> },
    Union { columns: Vec<Named>, left: Box<Plan>, right: Box<Plan>, kind: SetKind },
    Ordered { of: Box<Plan>, order: Vec<(usize, bool)>, skip: Option<Typed>, take: Option<Typed> },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SetKind {
    UnionAll,
    Union,
    Except,
    Intersect,
}

impl Plan {
    pub(crate) fn columns(&self) -> &[Named] {
        match self {
            Self::Select(select) => &select.columns,
            Self::Values { columns, .. } | Self::Union { columns, .. } => columns,
            Self::Ordered { of, .. } => of.columns(),
        }
    }
}

#[derive(Debug)]
pub(crate) struct SelectPlan {
    pub columns: Vec<Named>,
    pub from: From,
    pub filter: Option<Typed>,
    pub grouped: bool,
    pub group: Vec<Typed>,
    pub aggregates: Vec<Aggregate>,
    pub having: Option<Typed>,
    pub project: Vec<Typed>,
    /// Expressions, and whether they descend.
    pub order: Vec<(Typed, bool)>,
    /// The source already has that order.
    pub in_order: bool,
    pub distinct: bool,
    pub skip: Option<Typed>,
    pub take: Option<Typed>,
    /// Rows that stand where the last one does belong to it.
    pub ties: bool,
    /// Positions, from one, for the ORDER token.
    pub order_columns: Vec<u16>,
}

/// FROM.
#[derive(Debug)]
pub(crate) enum From {
    /// No FROM: one row without columns.
    One,
    Scan(Box<Scan>),
    Rows(Rc<Vec<Vec<Value>>>),
    Query(Box<Plan>),
    Generate {
        start: Typed,
        stop: Typed,
        step: Option<Typed>,
    },
    Split {
        text: Typed,
        by: Typed,
    },
    Join(Box<Join>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum JoinKind {
    Inner,
    Left,
    Right,
    Full,
    /// APPLY: the right side sees the left row.
    Apply,
    OuterApply,
}

#[derive(Debug)]
pub(crate) struct Join {
    pub kind: JoinKind,
    pub left: From,
    pub right: From,
    pub left_width: usize,
    pub right_width: usize,
    pub on: Option<Typed>,
    /// Equalities of ON: an expression over the left row, and one over the right row alone.
    pub equal: Vec<(Typed, Typed)>,
}

/// Rows of a table, or of a change table.
#[derive(Debug, Clone)]
pub(crate) enum Stored {
    Rows(TableData),
    Changes(ChangeTable),
}

/// A scan, and how far the WHERE clause narrows it.
#[derive(Debug)]
pub(crate) struct Scan {
    pub def: Arc<TableDef>,
    pub stored: Stored,
    /// The table's columns that the query sees.
    pub physical: Vec<usize>,
    pub seek: Seek,
    /// The call of `fn_cdc_get_all_changes_…` that this is.
    pub changes: Option<ChangesCall>,
}

/// Bounds on the leading columns of the key.
#[derive(Debug, Default)]
pub(crate) struct Seek {
    pub equal: Vec<Typed>,
    pub low: Option<Typed>,
    pub high: Option<Typed>,
}

#[derive(Debug)]
pub(crate) struct ChangesCall {
    pub instance: String,
    pub database: String,
    pub from: Typed,
    pub to: Typed,
    pub option: Typed,
}

/// A row of a source.
#[derive(Debug, Clone, Copy)]
pub(crate) enum RowRef<'a> {
    None,
    Values(&'a [Value]),
    Encoded(Encoded<'a>, &'a [usize]),
}

impl RowRef<'_> {
    pub(crate) fn get(&self, index: usize) -> Value {
        match self {
            Self::None => Value::Null,
            Self::Values(values) => values.get(index).cloned().unwrap_or(Value::Null),
            Self::Encoded(encoded, physical) => encoded.get(physical[index]),
        }
    }

    pub(crate) fn values(&self, width: usize) -> Vec<Value> {
        match self {
            Self::None => Vec::new(),
            Self::Values(values) => values.to_vec(),
            Self::Encoded(encoded, physical) => {
                let mut all = encoded.all();
                if physical.len() == all.len() && physical.iter().enumerate().all(|(i, p)| i == *p)
                {
                    return all;
                }
                (0..width).map(|i| std::mem::replace(&mut all[physical[i]], Value::Null)).collect()
            }
        }
    }
}

/// The row under evaluation, those of the queries around it, and the group's aggregates.
#[derive(Clone, Copy)]
pub(crate) struct Env<'a> {
    pub row: RowRef<'a>,
    pub aggregates: &'a [Value],
    pub parent: Option<&'a Env<'a>>,
}

impl<'a> Env<'a> {
    pub(crate) const EMPTY: Env<'static> = Env { row: RowRef::None, aggregates: &[], parent: None };

    pub(crate) fn of(row: RowRef<'a>, parent: Option<&'a Env<'a>>) -> Self {
        Self { row, aggregates: &[], parent }
    }

    pub(crate) fn up(&self, depth: usize) -> &Env<'a> {
        let mut env = self;
        for _ in 0..depth {
            match env.parent {
                Some(parent) => env = parent,
                None => break,
            }
        }
        env
    }
}

pub(crate) type Flow = ControlFlow<()>;
pub(crate) const GO_ON: Flow = ControlFlow::Continue(());
pub(crate) const STOP: Flow = ControlFlow::Break(());

/// Takes the rows of a query as they are found.
pub(crate) type Take<'s> = dyn FnMut(RowRef<'_>) -> Result<Flow> + 's;

impl Typed {
    pub(crate) fn constant(value: Value, ty: SqlType) -> Self {
        let nullable = value.is_null();
        Self { ex: Ex::Const(value), ty, nullable }
    }

    pub(crate) fn bit(ex: Ex) -> Self {
        Self { ex, ty: SqlType::Bit, nullable: true }
    }

    pub(crate) fn new(ex: Ex, ty: SqlType) -> Self {
        Self { ex, ty, nullable: true }
    }
}
