package parsimony.core.technique;

import java.lang.annotation.Documented;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/**
 * The paper that a class follows: its number in the survey's list, or title, venue, year and link if the list
 * does not have it.
 */
@Documented
@Retention(RetentionPolicy.RUNTIME)
@Target(ElementType.TYPE)
public @interface Paper {
    /** Numbers in {@code survey.tsv}. */
    int[] survey() default {};

    String title() default "";

    String venue() default "";

    int year() default 0;

    String link() default "";
}
