# SPDX-License-Identifier: BSD-3-Clause
# Shared by the make.R scripts: read a table, fit glmnet tightly, write one JSON file a case.
# Names of cases on the command line restrict a script to these.
suppressPackageStartupMessages({
  library(glmnet)
  library(jsonlite)
})

# The tightest of these that converges is stored with each case. The coefficient error goes with
# the square root of thresh, and 1e-14 leaves up to 1e-5; below 1e-17 rounding keeps glmnet busy
# for ever.
THRESH <- 10^-c(17, 16, 15, 14, 12)
MAXIT <- 2e7

# Calls f(thresh) with ever looser thresh until there is no warning; returns value and thresh.
tightest <- function(f, candidates = THRESH) {
  for (thresh in candidates) {
    value <- tryCatch(f(thresh), warning = function(w) NULL)
    if (!is.null(value)) {
      return(list(value = value, thresh = thresh))
    }
  }
  stop("no thresh converges")
}

read_table <- function(path) {
  # colClasses: R's default reader rounds some 17-digit numbers in the last place.
  data <- read.csv(path, colClasses = "character")
  data <- as.data.frame(lapply(data, as.numeric))
  extra <- c("y", "fold", "weight")
  list(
    X = unname(as.matrix(data[, setdiff(names(data), extra)])),
    y = data$y, fold = data$fold, weight = data$weight
  )
}

# Every third lambda, the first and the last: the files stay small, the lambdas are all there.
kept <- function(k) sort(unique(c(seq(1, k, by = 3), k)))

coefficients_at <- function(fit, index) {
  # list over kept lambdas of a (K, p) matrix; one row for a single response
  betas <- if (is.list(fit$beta)) fit$beta else list(fit$beta)
  lapply(index, function(i) unname(t(sapply(betas, function(b) as.numeric(b[, i])))))
}

intercepts_at <- function(fit, index) {
  a0 <- if (is.matrix(fit$a0)) fit$a0 else matrix(fit$a0, nrow = 1)
  unname(t(a0[, index, drop = FALSE]))
}

write_case <- function(name, table, data, family, options = list(), weighted = FALSE,
                       measures = character(0)) {
  wanted <- commandArgs(trailingOnly = TRUE)
  if (length(wanted) > 0 && !(name %in% wanted)) {
    return(invisible(NULL))
  }
  arguments <- c(list(x = data$X, y = data$y, family = family, maxit = MAXIT), options)
  if (weighted) arguments$weights <- data$weight
  found <- tightest(function(thresh) do.call(glmnet, c(arguments, thresh = thresh)))
  fit <- found$value
  index <- kept(length(fit$lambda))
  shown <- options
  for (key in c("lower.limits", "upper.limits", "penalty.factor")) {
    if (!is.null(shown[[key]])) shown[[key]] <- as.character(shown[[key]]) # JSON has no Inf
  }
  out <- list(
    case = name, table = table, family = family, options = shown, weighted = weighted,
    thresh = found$thresh, lambda = fit$lambda, dev_ratio = fit$dev.ratio,
    nulldev = fit$nulldev,
    index = index - 1, # counted from 0
    coef = coefficients_at(fit, index), intercept = intercepts_at(fit, index)
  )
  for (measure in measures) {
    # The path's own lambdas are passed: every fold is fitted on the same grid, no interpolation.
    given <- arguments
    given$lambda.min.ratio <- NULL
    found <- tightest(function(thresh) {
      do.call(cv.glmnet, c(given, list(
        lambda = fit$lambda, foldid = data$fold, type.measure = measure, thresh = thresh
      )))
    }, 10^-c(13, 11, 9))
    cv <- found$value
    stopifnot(length(cv$lambda) == length(fit$lambda))
    out$cv[[measure]] <- list(
      thresh = found$thresh, cvm = unname(cv$cvm), cvsd = unname(cv$cvsd),
      lambda_min = cv$lambda.min, lambda_1se = cv$lambda.1se
    )
  }
  path <- paste0(name, ".json")
  write(toJSON(out, digits = I(15), auto_unbox = TRUE, matrix = "rowmajor"), path)
  cat(sprintf("%-28s %3d lambdas, thresh %.0e, %6.1f kB\n", name, length(fit$lambda), out$thresh,
    file.size(path) / 1000))
}

write_meta <- function(method, tolerance, why) {
  meta <- list(
    method = method, R = R.version.string, glmnet = as.character(packageVersion("glmnet")),
    date = format(Sys.Date()), thresh = "the tightest of 1e-17 ... 1e-12 that converges, stored with each case",
    maxit = MAXIT, seeds = "none: folds and weights are in the tables", tolerance = tolerance, why = why
  )
  write(toJSON(meta, auto_unbox = TRUE, pretty = TRUE, digits = NA), "meta.json")
}

