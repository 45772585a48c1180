# SPDX-License-Identifier: BSD-3-Clause
# Run by hand after export_data.py: Rscript tests/references/gaussian/make.R
here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
setwd(here)
source("../common.R")

# glmnet divides y by its 1/n standard deviation (with intercept = FALSE by sqrt(mean(y^2)), both
# weighted) before it fits. The L1 part is unchanged by that, the ridge part is not: what glmnet
# calls lambda (1 - alpha) / 2 is lambda (1 - alpha) / (2 sd_y) in the units of y. It rescales
# penalty factors to sum to p.
diabetes <- read_table("diabetes.csv")
wide <- read_table("wide.csv")
bound <- function(low, high) list(lower.limits = low, upper.limits = high)
factors <- c(1, 0, 2, 1, 0.5, 1, 1, 3, 1, 1)
fit <- function(name, options = list(), ...) {
  write_case(name, "diabetes", diabetes, "gaussian", options, ...)
}
fit("lasso", measures = c("mse", "mae"))
fit("lasso_raw", list(standardize = FALSE))
fit("lasso_weights", weighted = TRUE, measures = "mse")
fit("enet", list(alpha = 0.5), measures = "mse")
fit("enet_raw", list(alpha = 0.3, standardize = FALSE))
fit("enet_weights", list(alpha = 0.5), weighted = TRUE)
fit("lasso_origin", list(intercept = FALSE))
fit("enet_origin", list(alpha = 0.5, intercept = FALSE))
fit("lasso_factors", list(penalty.factor = factors))
fit("lasso_excluded", list(penalty.factor = c(1, 1, Inf, 1, 1, 1, 1, 1, Inf, 1)))
fit("lasso_positive", list(lower.limits = rep(0, 10)))
fit("lasso_box", bound(rep(-150, 10), rep(c(300, 100), 5)))
fit("lasso_box_raw", c(bound(rep(-150, 10), rep(c(300, 100), 5)), list(standardize = FALSE)))
write_case("wide_lasso", "wide", wide, "gaussian", measures = "mse")
write_case("wide_enet", "wide", wide, "gaussian", list(alpha = 0.5))
write_meta("gaussian", 1e-6, paste(
  "relative to the largest coefficient; glmnet stops on coordinate changes, not on a gap;",
  "see accuracy.json for what check.py measures"))
